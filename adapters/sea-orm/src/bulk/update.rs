//! `follow_update_many`.

use std::collections::HashMap;
use std::fmt;

use celerysalt::follow::{ManyError, Moment};
use celerysalt::rules::Rules as CoreRules;
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
use crate::transaction;

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
        let own = follow::begin(db).await?;
        let chunks = Chunks::new(
            self.rows.clone(),
            self.chunk,
            LockType::NoKeyUpdate,
            own.lock,
        );
        let done = self.run(&own.txn, chunks).await;
        let done = done.map(|done| (done, done.events > 0));
        follow::end(db, own, done).await
    }

    /// Refuses columns that a bulk update cannot write.
    fn check(&self) -> Result<(), FollowError> {
        let rules = E::followed().rules.as_str();
        for (column, _) in &self.values {
            let name = || format!("{}.{}", E::default().table_name(), column.as_str());
            let error = if E::PrimaryKey::from_column(*column).is_some() {
                ManyError::Key { column: name() }
            } else if column.as_str() == rules {
                ManyError::Rules { column: name() }
            } else {
                continue;
            };
            return Err(chunk::refused::<E>(error));
        }
        Ok(())
    }

    async fn run<C: ConnectionTrait>(
        &self,
        db: &C,
        mut chunks: Chunks<E>,
    ) -> Result<FollowedMany, DbErr> {
        let mut done = FollowedMany::default();
        while let Some(old) = chunks.next(db).await? {
            let moment = Moment::current(); // The chunk's rows may have been waited for.
            let keys = chunks.keys();
            if old.iter().all(|row| plan::is_quiet::<E>(row, None)) {
                done.rows_affected += self.write(db, &keys).await?;
                continue;
            }
            let (affected, new) = self.write_and_read(db, &keys).await?;
            let Planned { plan, rules } = planned::<E>(&keys, &old, &new, &moment)?;
            rules::write(db, rules).await?;
            transaction::keep(db, &plan, &moment).await?;
            done.rows_affected += affected;
            done.events += plan.events.len() as u64;
        }
        Ok(done)
    }

    /// Changes the rows; how many.
    async fn write<C: ConnectionTrait>(&self, db: &C, keys: &[&Key<E>]) -> Result<u64, DbErr> {
        let backend = db.get_database_backend();
        let update = self.statement(keys, backend);
        let affected = db.execute(&update).await?.rows_affected();
        // On PostgreSQL types are strict: what is not affected was kept by a trigger.
        if affected < keys.len() as u64 && backend != DbBackend::Postgres {
            chunk::reread::<E, C>(db, keys).await?;
        }
        Ok(affected)
    }

    /// Changes the rows; how many, and what the database has made of them.
    async fn write_and_read<C: ConnectionTrait>(
        &self,
        db: &C,
        keys: &[&Key<E>],
    ) -> Result<(u64, Vec<E::Model>), DbErr> {
        let backend = db.get_database_backend();
        if backend != DbBackend::Postgres {
            // SQLite's RETURNING does not show what triggers make of the row, and MySQL has none.
            let affected = self.write(db, keys).await?;
            return Ok((affected, chunk::reread::<E, C>(db, keys).await?));
        }
        let columns = E::Column::iter();
        let columns = columns.map(|column| column.select_as(column.into_returning_expr(backend)));
        let mut update = self.statement(keys, backend);
        update.returning(Query::returning().exprs(columns));
        let rows = db.query_all(&update).await?;
        let new = rows.iter().map(|row| E::Model::from_query_result(row, ""));
        let new: Vec<_> = new.collect::<Result<_, _>>()?;
        Ok((new.len() as u64, new))
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

/// What comes with the change of a chunk.
struct Planned<'k, E> {
    /// What fires, in the order of the rows.
    plan: Plan,
    /// What is left of the rules of rows that have spent some.
    rules: Vec<(&'k Key<E>, CoreRules)>,
}

/// Evaluates row by row. A row that a trigger kept as it was is not among the new ones.
fn planned<'k, E: Follow>(
    keys: &[&'k Key<E>],
    old: &[E::Model],
    new: &[E::Model],
    moment: &Moment,
) -> Result<Planned<'k, E>, DbErr> {
    let new = new.iter();
    let new: HashMap<Vec<Value>, &E::Model> = new
        .map(|row| (Key::<E>::of_model(row).into_values(), row))
        .collect();
    let mut all = Plan::default();
    let mut left = Vec::new();
    for (key, old) in std::iter::zip(keys, old) {
        let Some(new) = new.get(key.values()) else {
            continue;
        };
        let mut plan = plan::changed::<E>(old, &E::followed().row(new), None, moment)?;
        left.extend(plan.rules.take().map(|rules| (*key, rules)));
        all.join(plan);
    }
    Ok(Planned {
        plan: all,
        rules: left,
    })
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
