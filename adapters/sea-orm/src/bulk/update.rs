//! `follow_update_many`.

use std::collections::HashMap;
use std::fmt;

use celerysalt::follow::Moment;
use sea_orm::sea_query::{Expr, LockType, Query, SelectStatement, UpdateStatement};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, DbBackend, DbErr, FromQueryResult,
    IdenStatic, Iterable, PrimaryKeyToColumn, QueryFilter, Select, TransactionTrait, Value,
};

use super::chunk::{self, Chunks};
use super::{CHUNK, FollowedMany, keys, rules};
use crate::entity::Follow;
use crate::error::FollowError;
use crate::follow;
use crate::key::Key;
use crate::plan::{self, Plan};
use crate::tables;

/// An update of many rows that fires; see [`FollowMany`](super::FollowMany).
///
/// Rows are chosen by SeaORM's [`filter`](QueryFilter::filter); without one, all are. The filter looks at each row as it
/// stands when its chunk is locked: one that looks at *other* rows sees what earlier chunks have made of them.
#[must_use = "nothing happens before `exec`"]
pub struct FollowUpdateMany<E: Follow> {
    rows: Select<E>,
    values: Vec<(E::Column, Expr)>,
    chunk: usize,
}

impl<E: Follow> FollowUpdateMany<E> {
    pub(super) fn new() -> Self {
        Self {
            rows: E::find(),
            values: Vec::new(),
            chunk: CHUNK,
        }
    }

    /// Sets a column to what the database makes of an expression, as
    /// [`UpdateMany::col_expr`](sea_orm::UpdateMany::col_expr) does. Rules see the outcome.
    pub fn col_expr(mut self, column: E::Column, expr: Expr) -> Self {
        self.values.push((column, expr));
        self
    }

    /// Sets the columns that are set in a model, as [`UpdateMany::set`](sea_orm::UpdateMany::set) does.
    pub fn set(mut self, model: E::ActiveModel) -> Self {
        for column in E::Column::iter() {
            if let ActiveValue::Set(value) = model.get(column) {
                let value = column.save_as(Expr::val(value));
                self.values.push((column, value));
            }
        }
        self
    }

    /// How many rows are read, changed and held in memory at once: 500 unless told. More than fit into one statement's
    /// parameters (about 8,000 with a key of one column) are cut to that.
    pub fn chunk_size(mut self, rows: usize) -> Self {
        self.chunk = rows;
        self
    }

    /// Runs the update. Where nothing is set, nothing happens.
    ///
    /// # Errors
    /// The database's own; [`FollowError`] as `DbErr::Custom` when the primary key or the rules column is set, or when
    /// the chain of events is too deep. Nothing is written then.
    pub async fn exec<C>(self, db: &C) -> Result<FollowedMany, DbErr>
    where
        C: ConnectionTrait + TransactionTrait,
    {
        self.check()?;
        if self.values.is_empty() {
            return Ok(FollowedMany::default());
        }
        let (own, lock) = follow::begin(db).await?;
        let chunks = Chunks::new(self.rows.clone(), self.chunk, LockType::NoKeyUpdate, lock);
        let done = self.run(&own, chunks).await;
        let done = done.map(|done| (done, done.events > 0));
        follow::end(own, lock, done).await
    }

    /// Refuses columns that a bulk update cannot write.
    fn check(&self) -> Result<(), FollowError> {
        let rules = E::followed().rules.as_str();
        for (column, _) in &self.values {
            let reason = if E::PrimaryKey::from_column(*column).is_some() {
                "it is part of the primary key, by which rows are found again; insert rows with other keys and \
                 delete these"
            } else if column.as_str() == rules {
                "it holds the rules, which are merged row by row; load the rows and save each with \
                 `update_and_follow`, or declare a rule for all rows in code"
            } else {
                continue;
            };
            return Err(FollowError::BulkColumn {
                table: E::default().table_name(),
                column: column.as_str(),
                reason,
            });
        }
        Ok(())
    }

    async fn run<C: ConnectionTrait>(
        &self,
        db: &C,
        mut chunks: Chunks<E>,
    ) -> Result<FollowedMany, DbErr> {
        let moment = Moment::current();
        let mut done = FollowedMany::default();
        while let Some(old) = chunks.next(db).await? {
            let keys: Vec<Key<E>> = old.iter().map(Key::of_model).collect();
            let keys: Vec<&Key<E>> = keys.iter().collect();
            let (affected, new) = self.write(db, &keys).await?;
            let mut plan = planned::<E>(&keys, &old, &new, &moment)?;
            rules::write(db, std::mem::take(&mut plan.rules)).await?;
            tables::insert_events(db, &plan.events, moment.now).await?;
            tables::delete_intents(db, &plan.intents).await?;
            done.rows_affected += affected;
            done.events += plan.events.len() as u64;
        }
        Ok(done)
    }

    /// Changes the rows; how many, and what the database has made of them.
    async fn write<C: ConnectionTrait>(
        &self,
        db: &C,
        keys: &[&Key<E>],
    ) -> Result<(u64, Vec<E::Model>), DbErr> {
        let backend = db.get_database_backend();
        let mut update = self.statement(keys, backend);
        if backend == DbBackend::Postgres {
            let columns = E::Column::iter()
                .map(|column| column.select_as(column.into_returning_expr(backend)));
            update.returning(Query::returning().exprs(columns));
            let rows = db.query_all(&update).await?;
            let new = rows.iter().map(|row| E::Model::from_query_result(row, ""));
            let new: Vec<_> = new.collect::<Result<_, _>>()?;
            return Ok((new.len() as u64, new));
        }
        // SQLite's RETURNING does not show what triggers make of the row, and MySQL has none.
        let affected = db.execute(&update).await?.rows_affected();
        Ok((affected, chunk::reread::<E, C>(db, keys).await?))
    }

    fn statement(&self, keys: &[&Key<E>], backend: DbBackend) -> UpdateStatement {
        let mut update = Query::update();
        update
            .table(E::default().table_ref())
            .values(self.values.iter().cloned())
            .and_where(keys::among(keys, backend));
        update
    }
}

/// What a chunk's rows do beside changing their columns.
struct Planned<'k, E> {
    events: Vec<celerysalt::event::Envelope>,
    rules: Vec<(&'k Key<E>, celerysalt::rules::Rules)>,
    intents: Vec<uuid::Uuid>,
}

/// Evaluates row by row, in the order of the keys. A row that a trigger kept as it was is not among the new ones.
fn planned<'k, E: Follow>(
    keys: &[&'k Key<E>],
    old: &[E::Model],
    new: &[E::Model],
    moment: &Moment,
) -> Result<Planned<'k, E>, DbErr> {
    let new: HashMap<Vec<Value>, &E::Model> = new
        .iter()
        .map(|row| (Key::<E>::of_model(row).into_values(), row))
        .collect();
    let mut all = Planned {
        events: Vec::new(),
        rules: Vec::new(),
        intents: Vec::new(),
    };
    for (key, old) in std::iter::zip(keys, old) {
        let Some(new) = new.get(key.values()) else {
            continue;
        };
        let Plan {
            events,
            rules,
            intents,
            ..
        } = plan::changed::<E>(old, &E::followed().row(new), None, moment)?;
        all.events.extend(events);
        all.intents.extend(intents);
        all.rules.extend(rules.map(|rules| (*key, rules)));
    }
    Ok(all)
}

impl<E: Follow> QueryFilter for FollowUpdateMany<E> {
    type QueryStatement = SelectStatement;

    fn query(&mut self) -> &mut SelectStatement {
        QueryFilter::query(&mut self.rows)
    }
}

impl<E: Follow> fmt::Debug for FollowUpdateMany<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FollowUpdateMany")
            .field("rows", &self.rows)
            .field("values", &self.values)
            .field("chunk", &self.chunk)
            .finish()
    }
}
