//! The way of each save, the same on every database and for both kinds of connection.

use celerysalt::follow::Moment;
use diesel::result::Error as DieselError;

use crate::backend::Lock;
use crate::error::Error;
use crate::model::Changes;
use crate::on::{FollowOn, InsertOn, UpdateOn};
use crate::plan::{self, Update};
use crate::session::{Saving, Session};

/// Inserts a row.
pub(crate) async fn insert<N, M, S>(new: N, session: S) -> Result<M, Error>
where
    S: Session,
    N: InsertOn<M, S::Backend>,
    M: FollowOn<S::Backend>,
{
    let mut saving = Saving::begin(session).await?;
    let saved = saving.insert(new).await;
    saving.end(saved).await
}

/// Changes the row of a key.
pub(crate) async fn update<Ch, M, S>(changes: Ch, key: M::Key, session: S) -> Result<M, Error>
where
    S: Session,
    Ch: UpdateOn<S::Backend> + Changes<Model = M>,
    M: FollowOn<S::Backend>,
{
    let mut saving = Saving::begin(session).await?;
    let saved = saving.update(changes, key).await;
    saving.end(saved).await
}

/// Changes the row when it is there, else inserts it.
pub(crate) async fn save<Ch, M, S>(changes: Ch, key: M::Key, session: S) -> Result<M, Error>
where
    S: Session,
    Ch: InsertOn<M, S::Backend> + UpdateOn<S::Backend> + Changes<Model = M>,
    M: FollowOn<S::Backend>,
{
    let mut saving = Saving::begin(session).await?;
    let saved = saving.save(changes, key).await;
    saving.end(saved).await
}

/// Deletes the row of a key; tells how many there were.
pub(crate) async fn delete<M, S>(key: M::Key, session: S) -> Result<usize, Error>
where
    S: Session,
    M: FollowOn<S::Backend>,
{
    let mut saving = Saving::begin(session).await?;
    let deleted = saving.delete::<M>(key).await;
    saving.end(deleted).await
}

impl<S: Session> Saving<S> {
    async fn insert<N, M>(&mut self, new: N) -> Result<M, Error>
    where
        N: InsertOn<M, S::Backend>,
        M: FollowOn<S::Backend>,
    {
        let mut new = new.insert(self.session()).await?;
        let moment = Moment::current();
        let mut plan = plan::insert(&new, &moment)?;
        if let Some(rules) = plan.rules.take() {
            new = M::write_rules(new.key(), rules.into(), self.session()).await?;
        }
        self.keep(&plan, &moment).await?;
        Ok(new)
    }

    async fn update<Ch, M>(&mut self, changes: Ch, key: M::Key) -> Result<M, Error>
    where
        Ch: UpdateOn<S::Backend> + Changes<Model = M>,
        M: FollowOn<S::Backend>,
    {
        let old = M::read(key.clone(), Lock::ToChange, self.session()).await?;
        let old = old.ok_or(DieselError::NotFound)?;
        self.change(changes, old, key).await
    }

    async fn save<Ch, M>(&mut self, changes: Ch, key: M::Key) -> Result<M, Error>
    where
        Ch: InsertOn<M, S::Backend> + UpdateOn<S::Backend> + Changes<Model = M>,
        M: FollowOn<S::Backend>,
    {
        match M::read(key.clone(), Lock::ToChange, self.session()).await? {
            Some(old) => self.change(changes, old, key).await,
            None => self.insert(changes).await,
        }
    }

    async fn change<Ch, M>(&mut self, mut changes: Ch, old: M, key: M::Key) -> Result<M, Error>
    where
        Ch: UpdateOn<S::Backend> + Changes<Model = M>,
        M: FollowOn<S::Backend>,
    {
        let (update, rest) = Update::plan(old, &mut changes)?;
        let mut new = changes.update(key.clone(), rest, self.session()).await?;
        let (mut plan, moment) = update.settle(&new)?;
        if let Some(rules) = plan.rules.take() {
            new = M::write_rules(key, rules.into(), self.session()).await?;
        }
        self.keep(&plan, &moment).await?;
        Ok(new)
    }

    async fn delete<M: FollowOn<S::Backend>>(&mut self, key: M::Key) -> Result<usize, Error> {
        let Some(old) = M::read(key.clone(), Lock::ToEnd, self.session()).await? else {
            return Ok(0);
        };
        let moment = Moment::current();
        let plan = plan::delete(&old, &moment)?;
        let deleted = M::remove(key, self.session()).await?;
        if deleted > 0 {
            self.keep(&plan, &moment).await?;
        }
        Ok(deleted)
    }
}
