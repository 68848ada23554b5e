#![doc = include_str!("docs/guide.md")]

mod append;
mod attach;
mod bulk;
mod check;
mod column;
mod convert;
mod entity;
mod error;
mod exact_decimal;
mod fingerprint;
mod follow;
mod hooks;
mod inbox;
mod key;
mod link;
mod note;
mod passing;
mod plan;
mod pool;
mod recover;
mod row;
mod tables;
mod transaction;

pub use append::append_in;
pub use attach::check_code_rules;
pub use bulk::{FollowDeleteMany, FollowMany, FollowUpdateMany, FollowedMany};
pub use celerysalt_macros::FollowActions;
pub use check::{CheckError, CheckTables, TableProblem, check_tables};
pub use column::Rules;
pub use entity::{Follow, Followed};
pub use error::FollowError;
pub use exact_decimal::ExactDecimal;
pub use follow::{FollowDelete, FollowSave};
pub use hooks::{after_delete, after_save, before_delete, before_save};
pub use inbox::once;
pub use recover::{FollowedEntry, Recovered, recover};

#[doc(hidden)]
pub mod __private {
    //! What the derive's expansion names. Not public API.
    pub use async_trait::async_trait;
    pub use celerysalt::event::Event;
    pub use celerysalt::model::Field;
    pub use celerysalt::rules::Rules as CoreRules;
    pub use inventory;
    pub use sea_orm::{ActiveModelBehavior, ActiveValue, ConnectionTrait, DbErr};

    /// The type of a rules column.
    #[diagnostic::on_unimplemented(
        message = "the rules column is of type `{Self}`",
        label = "make this `celerysalt_sea_orm::Rules` (a JSON column, NOT NULL, default '[]')",
        note = "`#[follow(rules = \"…\")]` names another field as the rules column"
    )]
    pub trait RulesColumn {}

    impl RulesColumn for crate::Rules {}

    /// Makes a set value an unchanged one.
    pub fn settle<V: Into<sea_orm::Value>>(value: &mut ActiveValue<V>) {
        *value = match std::mem::take(value) {
            ActiveValue::Set(set) => ActiveValue::Unchanged(set),
            other => other,
        };
    }
}
