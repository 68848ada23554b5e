//! Rules that stand in a table: changed at runtime, in force for every row of a model.
//!
//! A [`RuleTable`] writes them, each checked before it is stored, and keeps every earlier version. It also loads them:
//! what is loaded is seen by every save of the process, whatever ORM it goes through, at the cost of looking at one
//! pointer. [`RuleTable::watch`] keeps that current, so that a change is seen by every process within a second.
//!
//! ```
//! use std::sync::Arc;
//! use celerysalt::prelude::*;
//! use celerysalt::rule_table::{MemoryRules, RuleTable};
//! # use celerysalt::model::{FieldDef, ModelDef};
//! # use celerysalt::value::FieldType;
//!
//! /// An order was paid.
//! #[event("order.paid")]
//! pub struct OrderPaid {}
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let status = FieldDef { name: "status".into(), ty: FieldType::Text, nullable: false };
//! # let order = ModelDef::new("order", vec![status]); // an adapter has it as `Order::definition()`
//! let table = RuleTable::new(Arc::new(MemoryRules::new()));
//! let rule = Rule::when("status").eql("paid").emit::<OrderPaid>(serde_json::json!({})).id("paid");
//! let first = table.put(&order, rule.clone()).await?;
//!
//! // Somebody else's change is not overwritten unseen:
//! table.put_over(&order, rule.clone(), first.version).await?;
//! assert!(table.put_over(&order, rule, first.version).await.is_err());
//!
//! table.load().await?; // from here on saves see the rule; `watch` goes on loading
//! # Ok(())
//! # }
//! ```
//!
//! Rules of the table always persist, whatever their `persist` says. One that is broken (somebody edited it by hand) is
//! skipped and reported at every save, and stops nobody. Rules of models that this process does not have are kept and
//! ignored.

pub mod conformance;
mod memory;
mod snapshot;
mod store;
mod table;
mod watch;

pub use memory::MemoryRules;
pub(crate) use snapshot::rules_of;
pub use snapshot::scope;
pub use store::{
    RuleList, RuleStore, RuleStoreError, RuleVersion, RuleWrite, SharedRuleStore, VersionConflict,
};
pub use table::{RuleTable, RuleTableError};
