//! The rows of a bulk save, chunk by chunk.

use std::collections::HashSet;

use celerysalt::follow::{self, ManyError};
use sea_orm::sea_query::LockType;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, Order, QueryFilter, QueryOrder, QuerySelect, Select, Value,
};

use super::keys;
use crate::entity::Follow;
use crate::error::FollowError;
use crate::key::Key;
use crate::row::{self, Lock};

/// Parameters that a chunk's keys may take in one statement, so that the caller's own fit in beside them: SQLite allows
/// 32,766, the others more.
const PARAMETERS: usize = 24_000;

/// Walks over the rows that a filter finds, in the order of their keys: whatever a save makes of a row, it does not come
/// again.
pub(super) struct Chunks<E: Follow> {
    rows: Select<E>,
    /// What was read last.
    page: Select<E>,
    size: usize,
    kind: LockType,
    lock: Lock,
    /// The keys of the rows that were read last.
    keys: Vec<Key<E>>,
    is_over: bool,
}

impl<E: Follow> Chunks<E> {
    pub(super) fn new(rows: Select<E>, size: usize, kind: LockType, lock: Lock) -> Self {
        // A rule that stays different in every row takes the key once more, and a value.
        let fitting = PARAMETERS / (2 * E::followed().keys.len() + 1);
        Self {
            page: rows.clone(),
            rows,
            size: size.clamp(1, fitting),
            kind,
            lock,
            keys: Vec::new(),
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
        self.page = self.behind(self.keys.last());
        let found = self.read(db).await?;
        self.is_over = found.len() < self.size;
        self.step(found.iter().map(Key::of_model).collect())?;
        Ok((!found.is_empty()).then_some(found))
    }

    /// Those of the rows that were read last that are still there: found by their keys, since a row that a trigger changed
    /// in place of deleting it may not fit the filter any more; and by the filter, since a key that the database holds in
    /// another form than SeaORM writes it finds nothing.
    pub(super) async fn left<C: ConnectionTrait>(
        &mut self,
        db: &C,
    ) -> Result<HashSet<Vec<Value>>, DbErr> {
        let mut found = self.read(db).await?;
        let there = E::find().filter(keys::among(&self.keys(), db.get_database_backend()));
        found.extend(row::all_locked::<E, C>(db, there, self.kind, self.lock).await?);
        let keys = found
            .iter()
            .map(|row| Key::<E>::of_model(row).into_values());
        Ok(keys.collect())
    }

    fn behind(&self, last: Option<&Key<E>>) -> Select<E> {
        let mut select = self.rows.clone().limit(self.size as u64);
        for key in &E::followed().keys {
            select = select.order_by(*key, Order::Asc);
        }
        match last {
            Some(last) => select.filter(keys::after(last)),
            None => select,
        }
    }

    async fn read<C: ConnectionTrait>(&mut self, db: &C) -> Result<Vec<E::Model>, DbErr> {
        let page = self.page.clone();
        let found = row::all_locked::<E, C>(db, page, self.kind, self.lock).await?;
        // The first read took the lock where that was still to be done.
        self.lock = Lock::Held;
        Ok(found)
    }

    /// The keys of the rows that were read last, in their order.
    pub(super) fn keys(&self) -> Vec<&Key<E>> {
        self.keys.iter().collect()
    }

    /// A walk that does not get on would never end.
    fn step(&mut self, keys: Vec<Key<E>>) -> Result<(), FollowError> {
        let visited: HashSet<&[Value]> = self.keys.iter().map(Key::values).collect();
        if keys.iter().any(|key| visited.contains(key.values())) {
            return Err(refused::<E>(ManyError::Again));
        }
        self.keys = keys;
        Ok(())
    }
}

/// The error of a bulk save that cannot be followed.
pub(super) fn refused<E: Follow>(error: ManyError) -> FollowError {
    let model = E::NAME.to_owned();
    FollowError::Refused(follow::FollowError::Many { model, error })
}

/// The rows of these keys, which are locked, as the transaction has made them. All must be found.
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
    let found = select.all(db).await?;
    if found.len() < keys.len() {
        // A key that the database holds in another form than SeaORM writes it.
        return Err(DbErr::RecordNotUpdated);
    }
    Ok(found)
}
