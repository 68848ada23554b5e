//! CelerySalt for Diesel 2 models: `insert_and_follow`, `update_and_follow`, `save_and_follow` and
//! `delete_and_follow` save a row and fire the rules that look at it, in one transaction.
//!
//! ```
//! use celerysalt_diesel::{FollowActions, Rules};
//! use diesel::prelude::*;
//!
//! diesel::table! {
//!     orders (id) {
//!         id -> BigInt,
//!         status -> Text,
//!         on_change_rules -> Text, // on PostgreSQL: Jsonb
//!     }
//! }
//!
//! #[derive(Queryable, Selectable, Identifiable, Insertable, AsChangeset, FollowActions)]
//! #[diesel(table_name = orders)]
//! #[follow(name = "order")]
//! struct Order {
//!     id: i64,
//!     status: String,
//!     on_change_rules: Rules,
//! }
//!
//! /// A part of an order's columns, to be changed.
//! #[derive(Default, AsChangeset, FollowActions)]
//! #[diesel(table_name = orders)]
//! #[follow(changes = Order)]
//! struct OrderChanges {
//!     status: Option<String>,
//! }
//!
//! # #[cfg(feature = "sqlite")]
//! fn pay(order: Order, other: i64, conn: &mut SqliteConnection) -> Result<(), celerysalt_diesel::Error> {
//!     use celerysalt_diesel::{FollowSave, FollowUpdate};
//!
//!     Order { status: "paid".into(), ..order }.update_and_follow(conn)?;
//!     OrderChanges { status: Some("paid".into()) }.update_and_follow(other, conn)?;
//!     Ok(())
//! }
//! ```
//!
//! Diesel has no hooks: what is saved by Diesel's own methods fires nothing.
//!
//! [`check_tables`] looks at start whether the database's tables are what `table!` says and saves need.
//!
//! | feature | on |
//! |---|---|
//! | `sqlite`, `postgres`, `mysql` | Diesel's own connections; MySQL is MariaDB, too |
//! | `r2d2` | those of Diesel's pool |
//! | `async-sqlite`, `async-postgres`, `async-mysql` | diesel-async's connections: see the module `asynchronous` |
//! | `async-bb8`, `async-deadpool` | those of its pools |

mod append;
#[cfg(feature = "async")]
pub mod asynchronous;
mod backend;
mod check;
mod column;
mod connection;
mod error;
mod flow;
mod inbox;
mod many;
mod model;
mod on;
mod plan;
mod save;
mod session;
mod statement;
mod tables;
mod writing;

pub use append::append_in;
pub use backend::FollowBackend;
pub use celerysalt::field::AsField;
pub use celerysalt::follow::FollowedMany;
pub use celerysalt_macros::FollowActions;
pub use check::{CheckError, CheckTables, TableProblem, check_tables};
pub use column::Rules;
pub use connection::FollowConnection;
pub use error::Error;
pub use inbox::once;
pub use many::{DeleteMany, FollowMany, FollowManyOn, KeySql, OnDiesel, SetNotCalled, UpdateMany};
pub use model::{AutoIncrement, Changes, Follow, NewRow};
pub use on::{FollowOn, InsertOn, UpdateOn};
pub use save::{FollowChanges, FollowInsert, FollowSave, FollowUpdate};

#[doc(hidden)]
pub mod __private {
    //! What the derive's expansion names. Not public API.
    pub use celerysalt::event::Event;
    pub use celerysalt::field::{json, key_text, nullable, text};
    pub use celerysalt::history::History;
    pub use celerysalt::model::{Field, FieldDef, ModelDef, Row};
    pub use celerysalt::rules::Rules as CoreRules;
    pub use celerysalt::value::{FieldType, Value};
    pub use diesel;

    /// The type of a rules column.
    #[diagnostic::on_unimplemented(
        message = "the rules column is of type `{Self}`",
        label = "make this `celerysalt_diesel::Rules` (a JSON column, NOT NULL, default '[]')",
        note = "`#[follow(rules = \"…\")]` names another field as the rules column"
    )]
    pub trait RulesColumn {}

    impl RulesColumn for crate::Rules {}

    /// The SQL type of a rules column.
    #[diagnostic::on_unimplemented(
        message = "the rules column is `{Self}` in `table!`",
        label = "the rules in this field",
        note = "make the column `Jsonb` or `Json` on PostgreSQL, `Text` or `Json` elsewhere, and in the database NOT NULL \
                with default '[]'"
    )]
    pub trait RulesSqlType {
        /// PostgreSQL's name for it.
        const ON_POSTGRES: &'static str;
    }

    impl RulesSqlType for diesel::sql_types::Json {
        const ON_POSTGRES: &'static str = "json";
    }

    impl RulesSqlType for diesel::sql_types::Jsonb {
        const ON_POSTGRES: &'static str = "jsonb";
    }

    impl RulesSqlType for diesel::sql_types::Text {
        const ON_POSTGRES: &'static str = "text";
    }
}

/// Checks the rules that `M` declares in code: worth a call at start, or in a test, since broken ones do not fire.
///
/// # Errors
/// Each problem with rule, path and remedy.
pub fn check_code_rules<M: Follow>() -> Result<(), celerysalt::follow::FollowError> {
    celerysalt::follow::check_code_rules(M::definition())
}
