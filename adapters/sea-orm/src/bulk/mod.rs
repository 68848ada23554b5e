//! Bulk saves: what a statement over many rows changes or deletes fires as if each row were saved alone.

mod chunk;
mod delete;
mod keys;
mod rules;
mod update;

pub use celerysalt::follow::FollowedMany;
pub use delete::FollowDeleteMany;
pub use update::FollowUpdateMany;

use crate::entity::Follow;

/// Rows that a chunk holds unless told.
const CHUNK: usize = 500;

/// Bulk saves of an entity that fire, beside SeaORM's `update_many` and `delete_many`, which do not.
///
/// All happens in one transaction (a savepoint in yours): the rows are locked and read in chunks, in the order of
/// their primary keys; a chunk is changed by one statement, rules are evaluated row by row on what the database made
/// of it, and the chunk's events go to the outbox in one insert. No more than a chunk is held in memory. Any error
/// takes everything back.
///
/// ```no_run
/// # mod order {
/// #     use celerysalt_sea_orm::{FollowActions, Rules};
/// #     use sea_orm::entity::prelude::*;
/// #     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
/// #     #[sea_orm(table_name = "orders")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key)]
/// #         pub id: i32,
/// #         pub status: String,
/// #         pub attempts: i32,
/// #         pub on_change_rules: Rules,
/// #     }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// # }
/// use celerysalt_sea_orm::FollowMany;
/// use order::Entity as Order;
/// use sea_orm::sea_query::{Expr, ExprTrait};
/// use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, QueryFilter};
///
/// async fn expire(db: &DatabaseConnection) -> Result<(), DbErr> {
///     let expired = Order::follow_update_many()
///         .col_expr(order::Column::Status, Expr::value("expired"))
///         .col_expr(order::Column::Attempts, Expr::col(order::Column::Attempts).add(1))
///         .filter(order::Column::Status.eq("pending"))
///         .exec(db)
///         .await?;
///     println!("{} rows, {} events", expired.rows_affected, expired.events);
///
///     Order::follow_delete_many().filter(order::Column::Attempts.gt(3)).exec(db).await?;
///     Ok(())
/// }
/// ```
///
/// What a row-by-row save does and a bulk save does not: it runs no hooks of yours
/// ([`ActiveModelBehavior`](sea_orm::ActiveModelBehavior)), as SeaORM's own `update_many` runs none; and it attaches
/// no rules.
pub trait FollowMany: Follow {
    /// [`update_many`](sea_orm::EntityTrait::update_many), followed.
    fn follow_update_many() -> FollowUpdateMany<Self> {
        FollowUpdateMany::new()
    }

    /// [`delete_many`](sea_orm::EntityTrait::delete_many), followed.
    fn follow_delete_many() -> FollowDeleteMany<Self> {
        FollowDeleteMany::new()
    }
}

impl<E: Follow> FollowMany for E {}
