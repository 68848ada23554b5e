//! CelerySalt for plain structs: a [`Tracked`] struct is saved by your own `persist`, and the rules that look at it
//! fire when that succeeds.
//!
//! ```
//! use celerysalt::outbox::{MemoryOutbox, SharedOutbox};
//! use celerysalt::prelude::*;
//! use celerysalt_plain::{FollowActions, Rules, Tracked};
//! use serde::{Deserialize, Serialize};
//! use serde_json::json;
//!
//! /// An order was paid.
//! #[event("order.paid")]
//! pub struct OrderPaid {
//!     pub order_id: u64,
//! }
//!
//! #[derive(Clone, Serialize, Deserialize, FollowActions)]
//! #[follow(name = "order", key = "id")]
//! struct Order {
//!     id: u64,
//!     status: String,
//!     on_change_rules: Rules,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let file = tempfile::NamedTempFile::new()?;
//! # let file = file.path();
//! let outbox: SharedOutbox = std::sync::Arc::new(MemoryOutbox::new());
//! let persist = async |order: &Order| std::fs::write(file, serde_json::to_vec(order)?);
//!
//! let rule = Rule::when(Order::STATUS).eql("paid")
//!     .emit::<OrderPaid>(json!({"order_id": "{{ id }}"}))
//!     .once();
//! let mut order = Tracked::new(Order { id: 7, status: "pending".into(), on_change_rules: vec![rule].into() });
//! order.save(&outbox, persist).await?;
//!
//! order.status = "paid".into();
//! order.save(&outbox, persist).await?; // OrderPaid is in the outbox, the rule is gone
//! assert_eq!(outbox.status().await?.pending, 1);
//! assert!(order.on_change_rules.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! | save | a save whose persist fails | a persisted save |
//! |---|---|---|
//! | [`Tracked::save`], [`delete`](Tracked::delete) | fires nothing | its events are as durable as the outbox once the call returns `Ok`; a process that dies in between loses them |
//! | [`Tracked::save_with`], [`delete_with`](Tracked::delete_with) | fires nothing | loses nothing, when your persist stores row, events and history together |
//!
//! Each has a twin without async. Changes are found against the last persisted state, which [`Tracked`] remembers:
//! there is no lock on the row, so concurrent savers need your own.
//!
//! # The derive
//!
//! On the struct `#[follow(…)]` takes `name` (else the struct's name in snake case), `key` (a field or `["several",
//! "fields"]`; else `id`; it is known before the first save), `rules` (else `on_change_rules`), `events = ["topic",
//! Type]` (what rules may emit), `code_rules = path` (a function that gives the rules of every row) and
//! `history` or `history("field", …)` ([`celerysalt::history`]). A field's type
//! is an [`AsField`], or the field is marked `#[follow(text)]`, `#[follow(json)]` or `#[follow(skip)]`.

mod delete;
mod error;
mod fired;
mod model;
mod outbox;
mod planned;
mod save;
mod tracked;
mod unsent;

pub use celerysalt::field::AsField;
pub use celerysalt::rules::Rules;
pub use celerysalt_macros::FollowActions;
pub use error::SaveError;
pub use fired::Fired;
pub use model::Follow;
pub use outbox::Outbox;
pub use tracked::Tracked;

#[doc(hidden)]
pub mod __private {
    //! What the derive's expansion names. Not public API.
    pub use celerysalt::event::Event;
    pub use celerysalt::field::{json, key_text, nullable, text};
    pub use celerysalt::history::History;
    pub use celerysalt::model::{Field, FieldDef, ModelDef, Row};
    pub use celerysalt::rules::Rules as CoreRules;
    pub use celerysalt::value::{FieldType, Value};

    /// The type of a rules field.
    #[diagnostic::on_unimplemented(
        message = "the rules field is of type `{Self}`",
        label = "make this `celerysalt_plain::Rules`",
        note = "`#[follow(rules = \"…\")]` names another field as the rules"
    )]
    pub trait RulesColumn {}

    impl RulesColumn for CoreRules {}
}

/// Checks the rules that `T` declares in code: worth a call at start, or in a test, since broken ones do not fire.
///
/// # Errors
/// Each problem with rule, path and remedy.
pub fn check_code_rules<T: Follow>() -> Result<(), celerysalt::follow::FollowError> {
    celerysalt::follow::check_code_rules(T::definition())
}
