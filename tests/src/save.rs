//! The save paths of the SeaORM adapter, by name, so that a parent can ask a child process for one.

use std::str::FromStr;

use celerysalt_sea_orm::FollowSave as _;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, DatabaseConnection, DatabaseTransaction, DbErr,
    EntityTrait, IntoActiveModel, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use uuid::Uuid;

use crate::order;

/// How a save reaches the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// `*_and_follow`, in its own transaction.
    Follow,
    /// `*_and_follow` inside a transaction of the caller's, where it takes a savepoint.
    FollowInTransaction,
    /// SeaORM's own method inside a transaction.
    Transaction,
    /// SeaORM's own method on a pool.
    Pool,
}

/// What a save does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Makes a pending order.
    Insert,
    /// Pays an order that has the rule.
    Pay,
    /// Attaches the rule and pays in one save.
    AttachAndPay,
    /// Deletes the order.
    Delete,
}

/// Every path.
pub const PATHS: [Path; 4] = [
    Path::Follow,
    Path::FollowInTransaction,
    Path::Transaction,
    Path::Pool,
];
/// Every act.
pub const ACTS: [Act; 4] = [Act::Insert, Act::Pay, Act::AttachAndPay, Act::Delete];

/// Saves order `id` that way.
pub async fn save(db: &DatabaseConnection, path: Path, act: Act, id: Uuid) -> Result<(), DbErr> {
    match path {
        Path::Follow => follow(db, act, id).await,
        Path::FollowInTransaction => {
            let txn = begin(db).await?;
            follow(&txn, act, id).await?;
            txn.commit().await
        }
        Path::Transaction => {
            let txn = begin(db).await?;
            plain(&txn, act, id).await?;
            txn.commit().await
        }
        Path::Pool => plain(db, act, id).await,
    }
}

/// A transaction of the caller's, which reads the row before it saves: on SQLite it takes the write lock at once,
/// or it could not write any more once another has written.
async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let immediate = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    db.begin_with_options(immediate).await
}

/// Saves through the `*_and_follow` methods.
pub async fn follow<C: sea_orm::ConnectionTrait + TransactionTrait>(
    db: &C,
    act: Act,
    id: Uuid,
) -> Result<(), DbErr> {
    match act {
        Act::Insert => order::pending(id).insert_and_follow(db).await.map(drop),
        Act::Pay | Act::AttachAndPay => paid(db, act, id)
            .await?
            .update_and_follow(db)
            .await
            .map(drop),
        Act::Delete => loaded(db, id)
            .await?
            .into_active_model()
            .delete_and_follow(db)
            .await
            .map(drop),
    }
}

/// Saves through SeaORM's own methods.
pub async fn plain<C: sea_orm::ConnectionTrait>(db: &C, act: Act, id: Uuid) -> Result<(), DbErr> {
    match act {
        Act::Insert => order::pending(id).insert(db).await.map(drop),
        Act::Pay | Act::AttachAndPay => paid(db, act, id).await?.update(db).await.map(drop),
        Act::Delete => loaded(db, id)
            .await?
            .into_active_model()
            .delete(db)
            .await
            .map(drop),
    }
}

/// The state that an act starts from.
pub async fn prepare(db: &DatabaseConnection, act: Act, id: Uuid) {
    let mut order = order::pending(id);
    match act {
        Act::Insert => return,
        Act::AttachAndPay => order.on_change_rules = Set(Default::default()),
        Act::Pay | Act::Delete => {}
    }
    order::Entity::insert(order)
        .exec_without_returning(db)
        .await
        .unwrap();
}

async fn paid<C: sea_orm::ConnectionTrait>(
    db: &C,
    act: Act,
    id: Uuid,
) -> Result<order::ActiveModel, DbErr> {
    let mut order = loaded(db, id).await?;
    let attached = (act == Act::AttachAndPay).then(|| {
        order.on_change_rules.push(order::paid_rule());
        order.on_change_rules.clone()
    });
    let mut order = order.into_active_model();
    order.status = Set("paid".into());
    if let Some(rules) = attached {
        order.on_change_rules = Set(rules);
    }
    Ok(order)
}

async fn loaded<C: sea_orm::ConnectionTrait>(db: &C, id: Uuid) -> Result<order::Model, DbErr> {
    let order = order::Entity::find_by_id(id).one(db).await?;
    order.ok_or_else(|| DbErr::RecordNotFound(format!("order {id}")))
}

macro_rules! by_debug_name {
    ($type:ty, $all:expr) => {
        impl FromStr for $type {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                $all.into_iter()
                    .find(|it| format!("{it:?}") == name)
                    .ok_or_else(|| format!("no {name}"))
            }
        }
    };
}
by_debug_name!(Path, PATHS);
by_debug_name!(Act, ACTS);
