//! Rules: data on a row that say which change fires which event.

mod builder;
mod cache;
mod check;
mod column;
mod document;
mod error;
mod evaluate;
mod explain;
mod guard;
mod limits;
mod merge;
mod operand;
mod operator;
mod parse;
mod similar;
mod view;

pub use self::builder::{FieldName, RuleDraft, RuleField};
pub use self::check::{check, check_standing};
pub use self::column::{BrokenEntry, Rules};
pub use self::document::{Edge, Rule, Was};
pub use self::error::{RuleError, RuleErrorKind, RuleErrors, RuleName};
pub use self::evaluate::{BrokenRule, Env, EvaluateError, Evaluation, RuleSets, evaluate};
pub use self::explain::{Verdict, explain};
pub use self::guard::{Condition, Guard, GuardField, Subject};
pub use self::limits::Limits;
pub use self::operand::Operand;
pub use self::operator::Operator;
