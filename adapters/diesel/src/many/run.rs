//! A bulk save, in its transaction: chunk by chunk.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

use celerysalt::follow::{FollowedMany, ManyError, Moment, Plan};
use diesel::query_builder::QueryFragment;

use super::refuse::refused;
use super::{Chunk, FollowManyOn, Selected};
use crate::backend::Lock;
use crate::column::Rules;
use crate::error::Error;
use crate::model::Follow;
use crate::plan;
use crate::session::{Saving, Session};

/// Changes the rows.
pub(super) async fn update<M, W, Ch, S>(
    rows: Selected<W>,
    mut changes: Ch,
    session: S,
) -> Result<FollowedMany, Error>
where
    S: Session,
    M: FollowManyOn<S::Backend>,
    W: QueryFragment<S::Backend> + Send,
    Ch: QueryFragment<S::Backend> + Send,
{
    let mut saving = Saving::begin(session).await?;
    let done = saving.update_chunks::<M, W, Ch>(rows, &mut changes).await;
    saving.end(done).await
}

/// Deletes the rows.
pub(super) async fn delete<M, W, S>(rows: Selected<W>, session: S) -> Result<FollowedMany, Error>
where
    S: Session,
    M: FollowManyOn<S::Backend>,
    W: QueryFragment<S::Backend> + Send,
{
    let mut saving = Saving::begin(session).await?;
    let done = saving.delete_chunks::<M, W>(rows).await;
    saving.end(done).await
}

impl<S: Session> Saving<S> {
    async fn update_chunks<M, W, Ch>(
        &mut self,
        rows: Selected<W>,
        changes: &mut Ch,
    ) -> Result<FollowedMany, Error>
    where
        M: FollowManyOn<S::Backend>,
        W: QueryFragment<S::Backend> + Send,
        Ch: QueryFragment<S::Backend> + Send,
    {
        let mut done = FollowedMany::default();
        let mut walk = Walk::<M, W>::of::<S>(rows, Lock::ToChange);
        while let Some(old) = walk.next(self.session()).await? {
            let moment = Moment::current(); // The chunk's rows may have been waited for.
            let new = M::change_rows(changes, &walk.keys, self.session()).await?;
            done.rows_affected += new.len() as u64;
            let Planned { plan, rules } = Planned::of(old, new, &moment)?;
            if !rules.is_empty() {
                M::change_rules(rules, self.session()).await?;
            }
            done.events += plan.events.len() as u64;
            self.keep(&plan, &moment).await?;
        }
        Ok(done)
    }

    async fn delete_chunks<M, W>(&mut self, rows: Selected<W>) -> Result<FollowedMany, Error>
    where
        M: FollowManyOn<S::Backend>,
        W: QueryFragment<S::Backend> + Send,
    {
        let mut done = FollowedMany::default();
        let mut walk = Walk::<M, W>::of::<S>(rows, Lock::ToEnd);
        while let Some(mut old) = walk.next(self.session()).await? {
            let moment = Moment::current(); // The chunk's rows may have been waited for.
            let deleted = M::remove_rows(&walk.keys, self.session()).await?;
            if deleted < old.len() {
                let left = M::rows(&walk.keys, self.session()).await?;
                leave_out(&mut old, &left);
            }
            done.rows_affected += old.len() as u64;
            let mut plan = Plan::default();
            for row in &old {
                plan.join(plan::delete(row, &moment)?);
            }
            done.events += plan.events.len() as u64;
            self.keep(&plan, &moment).await?;
        }
        Ok(done)
    }
}

/// Goes through the rows in the order of their keys.
struct Walk<M: Follow, W> {
    rows: Selected<W>,
    is_filtered: bool,
    lock: Lock,
    /// The keys of the chunk that was read last.
    keys: Vec<M::KeyParts>,
    is_at_end: bool,
}

impl<M: Follow, W> Walk<M, W> {
    fn of<S>(rows: Selected<W>, lock: Lock) -> Self
    where
        S: Session,
        M: FollowManyOn<S::Backend>,
        W: QueryFragment<S::Backend>,
    {
        Self {
            is_filtered: !M::sql(&rows.filter).is_empty(),
            rows,
            lock,
            keys: Vec::new(),
            is_at_end: false,
        }
    }

    /// The rows of the next chunk, locked; none after the last.
    async fn next<S>(&mut self, session: &mut S) -> Result<Option<Vec<M>>, Error>
    where
        S: Session,
        M: FollowManyOn<S::Backend>,
        W: QueryFragment<S::Backend> + Send,
    {
        if self.is_at_end {
            return Ok(None);
        }
        let chunk = Chunk {
            after: self.keys.last(),
            is_filtered: self.is_filtered,
            limit: self.rows.chunk,
            lock: self.lock,
        };
        let rows = M::lock_rows(&mut self.rows.filter, chunk, session).await?;
        self.is_at_end = rows.len() < self.rows.chunk;
        let keys: Vec<_> = rows.iter().map(M::key_parts).collect();
        let visited: HashSet<_> = self.keys.iter().collect();
        if keys.iter().any(|key| visited.contains(key)) {
            return Err(refused::<M>(ManyError::Again));
        }
        self.keys = keys;
        Ok((!rows.is_empty()).then_some(rows))
    }
}

/// What comes with the change of a chunk.
struct Planned<M: Follow> {
    /// What fires, in the order of the rows.
    plan: Plan,
    /// What rules columns become; rows that are left with the same stand together.
    rules: Vec<(Rules, Vec<M::KeyParts>)>,
}

impl<M: Follow<KeyParts: Eq + Hash>> Planned<M> {
    /// A row that is not among the new ones was kept as it was by something in the database.
    fn of(old: Vec<M>, new: Vec<M>, moment: &Moment) -> Result<Self, Error> {
        let new = new.into_iter().map(|row| (row.key_parts(), row));
        let mut new: HashMap<_, _> = new.collect();
        let mut all = Plan::default();
        let mut left = BTreeMap::new();
        for old in old {
            let Some((key, new)) = new.remove_entry(&old.key_parts()) else {
                continue;
            };
            let mut plan = plan::changed(&old, &new, moment)?;
            if let Some(rules) = plan.rules.take() {
                let same = left.entry(rules.to_json());
                let (_, keys) = same.or_insert_with(|| (rules.into(), Vec::new()));
                keys.push(key);
            }
            all.join(plan);
        }
        Ok(Self {
            plan: all,
            rules: left.into_values().collect(),
        })
    }
}

/// Leaves out the rows that are still there: something in the database kept them from being deleted.
fn leave_out<M: Follow<KeyParts: Eq + Hash>>(rows: &mut Vec<M>, still_there: &[M]) {
    let still_there: HashSet<_> = still_there.iter().map(M::key_parts).collect();
    rows.retain(|row| !still_there.contains(&row.key_parts()));
}
