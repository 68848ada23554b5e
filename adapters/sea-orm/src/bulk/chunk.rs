//! The rows of a bulk save, chunk by chunk.

use sea_orm::sea_query::LockType;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, Order, QueryFilter, QueryOrder, QuerySelect, Select,
};

use super::keys;
use crate::entity::Follow;
use crate::key::Key;
use crate::row::{self, Lock};

/// Parameters that a chunk's keys may take in one statement, so that the caller's own fit in beside them: SQLite allows
/// 32,766, the others more.
const PARAMETERS: usize = 24_000;

/// Walks over the rows that a filter finds, in the order of their keys: whatever a save makes of a row, it does not come
/// again.
pub(super) struct Chunks<E: Follow> {
    rows: Select<E>,
    size: usize,
    kind: LockType,
    lock: Lock,
    last: Option<Key<E>>,
    is_over: bool,
}

impl<E: Follow> Chunks<E> {
    pub(super) fn new(rows: Select<E>, size: usize, kind: LockType, lock: Lock) -> Self {
        // A rule that stays different in every row takes the key once more, and a value.
        let fitting = PARAMETERS / (2 * E::followed().keys.len() + 1);
        Self {
            rows,
            size: size.clamp(1, fitting),
            kind,
            lock,
            last: None,
            is_over: false,
        }
    }

    /// The next rows, locked as they stand now; `None` behind the last ones.
    pub(super) async fn next<C: ConnectionTrait>(
        &mut self,
        db: &C,
    ) -> Result<Option<Vec<E::Model>>, DbErr> {
        if self.is_over {
            return Ok(None);
        }
        let mut select = self.rows.clone().limit(self.size as u64);
        for key in &E::followed().keys {
            select = select.order_by(*key, Order::Asc);
        }
        if let Some(last) = &self.last {
            select = select.filter(keys::after(last));
        }
        let found = row::all_locked::<E, C>(db, select, self.kind, self.lock).await?;
        // The first read took the lock where that was still to be done.
        self.lock = Lock::Held;
        self.is_over = found.len() < self.size;
        self.last = found.last().map(Key::of_model);
        Ok((!found.is_empty()).then_some(found))
    }
}

/// The rows of these keys as the transaction has made them. They are locked already.
pub(super) async fn reread<E: Follow, C: ConnectionTrait>(
    db: &C,
    keys: &[&Key<E>],
) -> Result<Vec<E::Model>, DbErr> {
    let backend = db.get_database_backend();
    let mut select = E::find().filter(keys::among(keys, backend));
    if backend == DbBackend::MySql {
        // Without a lock a row that the update left as it was is read as it stood when the transaction began.
        select = select.lock(LockType::Update);
    }
    select.all(db).await
}
