//! The database's row: read under a lock, or with a fingerprint that a later statement can check; and written.

use std::any::TypeId;

use sea_orm::sea_query::{Expr, ExprTrait, LockType};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, FromQueryResult,
    QueryFilter, QuerySelect, QueryTrait, Select,
};

use crate::entity::Follow;
use crate::error::FollowError;
use crate::fingerprint::fingerprint;
use crate::key::Key;
use crate::tables;

/// The name under which a fingerprint is selected.
const SEEN: &str = "celerysalt_seen";

/// How an SQLite transaction comes to its write lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// It began without; it takes the lock before it reads.
    Take,
    /// It has held the lock since it began.
    Held,
}

/// The row as it stands now, held until the transaction ends. `db` must be in a transaction.
pub(crate) async fn locked<E: Follow, C: ConnectionTrait>(
    db: &C,
    select: Select<E>,
    kind: LockType,
    lock: Lock,
) -> Result<Option<E::Model>, DbErr> {
    locking::<E, C>(db, select, kind, lock).await?.one(db).await
}

/// Like [`locked`], for all rows that are found.
pub(crate) async fn all_locked<E: Follow, C: ConnectionTrait>(
    db: &C,
    select: Select<E>,
    kind: LockType,
    lock: Lock,
) -> Result<Vec<E::Model>, DbErr> {
    locking::<E, C>(db, select, kind, lock).await?.all(db).await
}

/// A read that holds what it finds, and finds what is committed by now: on MySQL one without a lock would see the rows as
/// they stood when the transaction first read.
async fn locking<E: Follow, C: ConnectionTrait>(
    db: &C,
    select: Select<E>,
    kind: LockType,
    lock: Lock,
) -> Result<Select<E>, DbErr> {
    match db.get_database_backend() {
        DbBackend::Postgres => Ok(select.lock(kind)),
        DbBackend::MySql => Ok(select.lock(LockType::Update)),
        DbBackend::Sqlite => {
            if lock == Lock::Take {
                tables::lock_for_write(db).await?;
            }
            Ok(select)
        }
        other => Err(unsupported(other)),
    }
}

/// The row as it stands now with its fingerprint, not held.
pub(crate) async fn seen<E: Follow, C: ConnectionTrait>(
    db: &C,
    key: &Key<E>,
) -> Result<Option<(E::Model, String)>, DbErr> {
    let backend = db.get_database_backend();
    let mut select = E::find().filter(key.condition());
    if backend == DbBackend::MySql && !is_pool::<C>() {
        // There may be a transaction, which must not show the row as it once was.
        select = select.lock(LockType::Update);
    }
    let select = select
        .expr_as(fingerprint::<E>(backend)?, SEEN)
        .into_query();
    let Some(row) = db.query_one(&select).await? else {
        return Ok(None);
    };
    let seen = row.try_get("", SEEN)?;
    Ok(Some((E::Model::from_query_result(&row, "")?, seen)))
}

/// A pool is known not to be a transaction; anything else may be one or not.
pub(crate) fn is_pool<C: ConnectionTrait>() -> bool {
    typeid::of::<C>() == TypeId::of::<DatabaseConnection>()
}

/// A `DatabaseTransaction` is known to be a transaction; anything else may be one or not.
pub(crate) fn is_transaction<C: ConnectionTrait>() -> bool {
    typeid::of::<C>() == TypeId::of::<DatabaseTransaction>()
}

/// Refuses a transaction that MySQL has ended, for a deadlock: there all of it ends, savepoints too, and whoever goes on
/// commits statement by statement. `db` must be in a transaction, or have been: sqlx notices only the first time, and begins
/// a transaction of its own in place of the next savepoint.
pub(crate) async fn check_transaction<C: ConnectionTrait>(db: &C) -> Result<(), DbErr> {
    /// There is no such savepoint: without a transaction none is made.
    const MISSING: &str = "1305 (42000)";
    if db.get_database_backend() != DbBackend::MySql {
        return Ok(());
    }
    let probe = "SAVEPOINT celerysalt; RELEASE SAVEPOINT celerysalt";
    match db.execute_unprepared(probe).await {
        Err(error) if error.to_string().contains(MISSING) => {
            let reason = error.to_string();
            Err(FollowError::TransactionEnded { reason }.into())
        }
        other => other.map(drop),
    }
}

/// Whether the row is gone.
pub(crate) async fn is_gone<E: Follow, C: ConnectionTrait>(
    db: &C,
    key: &Key<E>,
) -> Result<bool, DbErr> {
    let select = E::find()
        .select_only()
        .expr(Expr::val(1))
        .filter(key.condition())
        .into_query();
    Ok(db.query_one(&select).await?.is_none())
}

/// What becomes of an update whose row is not there: it is refused as SeaORM does it. SeaORM's own statement must not
/// look again, since it would find a row that another has made meanwhile, whose rules nobody has evaluated.
pub(crate) fn missing<E: Follow>(model: E::ActiveModel) -> Result<(), DbErr> {
    let update = E::update(model).validate()?.into_query();
    if update.get_values().is_empty() {
        return Ok(()); // Nothing is written: SeaORM only reads.
    }
    Err(DbErr::RecordNotUpdated)
}

/// Writes what is set in a model; nothing when nothing is.
pub(crate) async fn write<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: E::ActiveModel,
) -> Result<(), DbErr> {
    let update = E::update(model).validate()?.into_query();
    if !update.get_values().is_empty() && db.execute(&update).await?.rows_affected() == 0 {
        return Err(DbErr::RecordNotUpdated);
    }
    Ok(())
}

/// Writes what is set in a model; the row as it is then. `db` must be in a transaction.
pub(crate) async fn update<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: E::ActiveModel,
) -> Result<E::Model, DbErr> {
    let key = Key::<E>::of_active(&model);
    let (DbBackend::MySql, Some(key)) = (db.get_database_backend(), key) else {
        return E::update(model).exec(db).await;
    };
    write::<E, C>(db, model).await?;
    let select = E::find().filter(key.condition());
    let written = locked::<E, C>(db, select, LockType::Update, Lock::Held).await?;
    written.ok_or(DbErr::RecordNotUpdated)
}

/// A guarded update was done.
pub(crate) struct Written {
    /// The new fingerprint, where the database returns it.
    pub(crate) seen: Option<String>,
}

/// Runs an update of one row, only where the row still has the fingerprint; `None` when the row is not what it was.
pub(crate) async fn guarded_update<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: E::ActiveModel,
    seen: &str,
    also: Option<Expr>,
) -> Result<Option<Written>, DbErr> {
    let backend = db.get_database_backend();
    let fingerprint = fingerprint::<E>(backend)?;
    let mut update = E::update(model).validate()?.into_query();
    update.and_where(fingerprint.clone().eq(seen));
    if let Some(also) = also {
        update.and_where(also);
    }
    if backend == DbBackend::MySql {
        let written = db.execute(&update).await?.rows_affected() > 0;
        return Ok(written.then_some(Written { seen: None }));
    }
    update.returning(sea_orm::sea_query::Query::returning().exprs([fingerprint]));
    let Some(row) = db.query_one(&update).await? else {
        return Ok(None);
    };
    let seen = row.try_get_by_index(0)?;
    Ok(Some(Written { seen: Some(seen) }))
}

/// Refuses databases whose saves would not be followed right.
pub(crate) fn supported<C: ConnectionTrait>(db: &C) -> Result<(), DbErr> {
    match db.get_database_backend() {
        DbBackend::MySql | DbBackend::Postgres | DbBackend::Sqlite => Ok(()),
        other => Err(unsupported(other)),
    }
}

pub(crate) fn unsupported(backend: DbBackend) -> DbErr {
    DbErr::from(FollowError::Backend {
        backend: backend.as_str(),
    })
}
