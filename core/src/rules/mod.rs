//! Rules: data on a row that say which change fires which event.
//!
//! A [`Rule`] is written in JSON or by its builder; [`Rules`] is the column that holds a row's. When rules are
//! attached, [`check`] says everything that is wrong with them. When the row is saved, [`evaluate()`] makes the
//! events of the rules that fire, and [`explain()`] says of each rule why.
//!
//! ```
//! use celerysalt::model::{FieldDef, ModelDef};
//! use celerysalt::rules::{Guard, Operand, Rule, Rules};
//! use celerysalt::value::FieldType;
//! use serde_json::json;
//!
//! let mut rules = Rules::loaded(r#"[]"#); // as the row's column holds them
//! rules.push(
//!     Rule::when("status")
//!         .eql("paid")
//!         .was("pending")
//!         .guard(Guard::field("amount").lte(Operand::field("credit_limit")))
//!         .emit_topic("order.paid", json!({"order_id": "{{ id }}"}))
//!         .once(),
//! );
//! # assert_eq!(rules.added().count(), 1);
//! ```
//!
//! # How values compare
//!
//! By the type of the field: integers and floats as numbers (`1` equals `1.0`, nothing is rounded), decimals
//! exactly, instants as instants, text by code point, enums and UUIDs by identity. What is inside JSON has the
//! type of its value: numbers compare with numbers and text with text; beside a typed field, JSON text is read as
//! that field's type. Null satisfies only `is_null` and `eql null` (and `changed`, when the other side is not
//! null); a path that is not there is null. NaN equals nothing, so a NaN has always changed.
//!
//! Where there is no old row (on insert), nothing that looks at it holds: not `was`, not a condition on
//! `{"old": …}`, not a comparison with it. On delete the row that goes is both rows: its fields count as changed,
//! it has increased nowhere, and it enters nothing.

mod builder;
mod cache;
mod check;
mod column;
mod compare;
mod compile;
mod destination;
mod document;
mod error;
mod evaluate;
mod explain;
mod fire;
mod guard;
mod holds;
mod ids;
mod index;
mod judge;
mod limits;
mod merge;
mod moved;
mod operand;
mod operator;
mod parse;
mod path;
mod read;
mod test;
mod view;

pub use self::builder::{FieldName, RuleDraft, RuleField};
pub use self::check::{check, check_standing};
pub use self::column::{BrokenEntry, Rules};
pub use self::compile::CompiledRules;
pub use self::document::{Edge, Rule, Was};
pub use self::error::{RuleError, RuleErrorKind, RuleErrors, RuleName};
pub use self::evaluate::{BrokenRule, Env, EvaluateError, Evaluation, RuleSets, evaluate};
pub use self::explain::{Verdict, explain};
pub use self::guard::{Condition, Guard, GuardField, Subject};
pub use self::limits::Limits;
pub(crate) use self::moved::{Moved, any_differs};
pub use self::operand::Operand;
pub use self::operator::Operator;
pub(crate) use self::parse::RULE_KEYS;
pub(crate) use self::path::check_path;
pub use self::read::literal as read_literal;
