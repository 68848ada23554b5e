//! `follow_delete_many`.

use std::collections::HashSet;

use celerysalt::follow::Moment;
use sea_orm::sea_query::{LockType, Query, SelectStatement};
use sea_orm::{ConnectionTrait, DbErr, QueryFilter, Select, TransactionTrait};

use super::chunk::Chunks;
use super::{CHUNK, FollowedMany, keys};
use crate::entity::Follow;
use crate::follow;
use crate::key::Key;
use crate::plan::{self, Plan};
use crate::transaction;

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
        let own = follow::begin(db).await?;
        let chunks = Chunks::new(self.rows, self.chunk, LockType::Update, own.lock);
        let done = run(&own.txn, chunks).await;
        let done = done.map(|done| (done, done.events > 0));
        follow::end(db, own, done).await
    }
}

async fn run<E: Follow, C: ConnectionTrait>(
    db: &C,
    mut chunks: Chunks<E>,
) -> Result<FollowedMany, DbErr> {
    let mut done = FollowedMany::default();
    while let Some(rows) = chunks.next(db).await? {
        let moment = Moment::current(); // The chunk's rows may have been waited for.
        let affected = delete(db, &chunks.keys()).await?;
        // A trigger may keep rows, and a foreign key delete some before their turn.
        let left = match affected == rows.len() as u64 {
            true => HashSet::new(),
            false => chunks.left(db).await?,
        };
        let mut plan = Plan::default();
        for (key, row) in std::iter::zip(chunks.keys(), &rows) {
            if !left.contains(key.values()) {
                plan.join(plan::delete::<E>(row, &moment)?);
            }
        }
        transaction::keep(db, &plan, &moment).await?;
        done.rows_affected += affected;
        done.events += plan.events.len() as u64;
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

impl<E: Follow> QueryFilter for FollowDeleteMany<E> {
    type QueryStatement = SelectStatement;

    fn query(&mut self) -> &mut SelectStatement {
        QueryFilter::query(&mut self.rows)
    }
}
