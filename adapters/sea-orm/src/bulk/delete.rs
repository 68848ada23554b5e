//! `follow_delete_many`.

use std::collections::HashSet;

use celerysalt::follow::Moment;
use sea_orm::sea_query::{LockType, Query, SelectStatement};
use sea_orm::{ConnectionTrait, DbErr, QueryFilter, Select, TransactionTrait, Value};

use super::chunk::{self, Chunks};
use super::{CHUNK, FollowedMany, keys};
use crate::entity::Follow;
use crate::follow;
use crate::key::Key;
use crate::{plan, tables};

/// A delete of many rows that fires; see [`FollowMany`](super::FollowMany).
///
/// Rows are chosen by SeaORM's [`filter`](QueryFilter::filter); without one, all are. Rows that the database deletes of
/// itself (`ON DELETE CASCADE`) fire only where they stand in the same chunk.
#[derive(Debug)]
#[must_use = "nothing happens before `exec`"]
pub struct FollowDeleteMany<E: Follow> {
    rows: Select<E>,
    chunk: usize,
}

impl<E: Follow> FollowDeleteMany<E> {
    pub(super) fn new() -> Self {
        Self {
            rows: E::find(),
            chunk: CHUNK,
        }
    }

    /// As [`FollowUpdateMany::chunk_size`](super::FollowUpdateMany::chunk_size).
    pub fn chunk_size(mut self, rows: usize) -> Self {
        self.chunk = rows;
        self
    }

    /// Runs the delete.
    ///
    /// # Errors
    /// The database's own; [`FollowError`](crate::FollowError) as `DbErr::Custom` when the chain of events is too deep
    /// or a row carries a note that cannot be read. Nothing is deleted then.
    pub async fn exec<C>(self, db: &C) -> Result<FollowedMany, DbErr>
    where
        C: ConnectionTrait + TransactionTrait,
    {
        let (own, lock) = follow::begin(db).await?;
        let chunks = Chunks::new(self.rows, self.chunk, LockType::Update, lock);
        let done = run(&own, chunks).await;
        let done = done.map(|done| (done, done.events > 0));
        follow::end(own, lock, done).await
    }
}

async fn run<E: Follow, C: ConnectionTrait>(
    db: &C,
    mut chunks: Chunks<E>,
) -> Result<FollowedMany, DbErr> {
    let moment = Moment::current();
    let mut done = FollowedMany::default();
    while let Some(rows) = chunks.next(db).await? {
        let keys: Vec<Key<E>> = rows.iter().map(Key::of_model).collect();
        let keys: Vec<&Key<E>> = keys.iter().collect();
        let affected = delete(db, &keys).await?;
        let kept = kept(db, &keys, affected).await?;
        let (mut events, mut intents) = (Vec::new(), Vec::new());
        for (key, row) in std::iter::zip(&keys, &rows) {
            if !kept.contains(key.values()) {
                let plan = plan::delete::<E>(row, &moment)?;
                events.extend(plan.events);
                intents.extend(plan.intents);
            }
        }
        tables::insert_events(db, &events, moment.now).await?;
        tables::delete_intents(db, &intents).await?;
        done.rows_affected += affected;
        done.events += events.len() as u64;
    }
    Ok(done)
}

async fn delete<E: Follow, C: ConnectionTrait>(db: &C, keys: &[&Key<E>]) -> Result<u64, DbErr> {
    let mut delete = Query::delete();
    delete
        .from_table(E::default().table_ref())
        .and_where(keys::among(keys, db.get_database_backend()));
    Ok(db.execute(&delete).await?.rows_affected())
}

/// The keys of rows that are still there, since a trigger kept them.
async fn kept<E: Follow, C: ConnectionTrait>(
    db: &C,
    keys: &[&Key<E>],
    deleted: u64,
) -> Result<HashSet<Vec<Value>>, DbErr> {
    if deleted == keys.len() as u64 {
        return Ok(HashSet::new());
    }
    let rows = chunk::reread::<E, C>(db, keys).await?;
    let kept = rows.iter().map(|row| Key::<E>::of_model(row).into_values());
    Ok(kept.collect())
}

impl<E: Follow> QueryFilter for FollowDeleteMany<E> {
    type QueryStatement = SelectStatement;

    fn query(&mut self) -> &mut SelectStatement {
        QueryFilter::query(&mut self.rows)
    }
}
