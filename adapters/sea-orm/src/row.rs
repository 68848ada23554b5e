//! The database's row: read under a lock, or with a fingerprint that a later statement can check.

use sea_orm::sea_query::{Expr, ExprTrait, LockType};
use sea_orm::{
    ColumnTrait, ColumnType, ConnectionTrait, DbBackend, DbErr, FromQueryResult, IdenStatic,
    Iterable, QueryFilter, QuerySelect, QueryTrait, Select,
};

use crate::entity::Follow;
use crate::error::FollowError;
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
    match db.get_database_backend() {
        DbBackend::Postgres => select.lock(kind).one(db).await,
        DbBackend::Sqlite => {
            if lock == Lock::Take {
                tables::lock_for_write(db).await?;
            }
            select.one(db).await
        }
        other => Err(unsupported(other)),
    }
}

/// Like [`locked`], for all rows that are found.
pub(crate) async fn all_locked<E: Follow, C: ConnectionTrait>(
    db: &C,
    select: Select<E>,
    kind: LockType,
    lock: Lock,
) -> Result<Vec<E::Model>, DbErr> {
    match db.get_database_backend() {
        DbBackend::Postgres => select.lock(kind).all(db).await,
        DbBackend::Sqlite => {
            if lock == Lock::Take {
                tables::lock_for_write(db).await?;
            }
            select.all(db).await
        }
        other => Err(unsupported(other)),
    }
}

/// The row as it stands now with its fingerprint, not held.
pub(crate) async fn seen<E: Follow, C: ConnectionTrait>(
    db: &C,
    key: &Key<E>,
) -> Result<Option<(E::Model, String)>, DbErr> {
    let fingerprint = fingerprint::<E>(db.get_database_backend())?;
    let select = E::find()
        .filter(key.condition())
        .expr_as(fingerprint, SEEN)
        .into_query();
    let Some(row) = db.query_one(&select).await? else {
        return Ok(None);
    };
    let seen = row.try_get("", SEEN)?;
    Ok(Some((E::Model::from_query_result(&row, "")?, seen)))
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

/// Runs an update of one row, only where the row still has the fingerprint. The new fingerprint, or `None`
/// when the row is not what it was.
pub(crate) async fn guarded_update<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: E::ActiveModel,
    seen: &str,
    also: Option<Expr>,
) -> Result<Option<String>, DbErr> {
    let fingerprint = fingerprint::<E>(db.get_database_backend())?;
    let mut update = E::update(model).validate()?.into_query();
    update.and_where(fingerprint.clone().eq(seen));
    if let Some(also) = also {
        update.and_where(also);
    }
    update.returning(sea_orm::sea_query::Query::returning().exprs([fingerprint]));
    let row = db.query_one(&update).await?;
    row.map(|row| row.try_get_by_index(0)).transpose()
}

/// What changes whenever the row does. On PostgreSQL the row version's own marks (`ctid` beside `xmin`, since
/// one transaction may write a row twice); elsewhere the values themselves.
fn fingerprint<E: Follow>(backend: DbBackend) -> Result<Expr, DbErr> {
    match backend {
        DbBackend::Postgres => Ok(Expr::cust(
            "xmin::text || '/' || cmin::text || '/' || ctid::text",
        )),
        DbBackend::Sqlite => {
            let quoted = E::Column::iter()
                .filter(|column| !is_blob(column.def().get_column_type()))
                .map(|column| format!("quote(\"{}\")", column.as_str().replace('"', "\"\"")));
            Ok(Expr::cust(quoted.collect::<Vec<_>>().join(" || ',' || ")))
        }
        other => Err(unsupported(other)),
    }
}

fn is_blob(ty: &ColumnType) -> bool {
    matches!(
        ty,
        ColumnType::Blob | ColumnType::Binary(_) | ColumnType::VarBinary(_)
    )
}

/// Refuses databases whose saves would not be followed right.
pub(crate) fn supported<C: ConnectionTrait>(db: &C) -> Result<(), DbErr> {
    match db.get_database_backend() {
        DbBackend::Postgres | DbBackend::Sqlite => Ok(()),
        other => Err(unsupported(other)),
    }
}

fn unsupported(backend: DbBackend) -> DbErr {
    DbErr::from(FollowError::Backend {
        backend: backend.as_str(),
    })
}
