//! Deletes: the row goes as it was last persisted, whatever was changed since.

use celerysalt::event::Envelope;
use celerysalt::outbox::OutboxError;

use crate::error::SaveError;
use crate::fired::Fired;
use crate::model::Follow;
use crate::outbox::Outbox;
use crate::planned;
use crate::tracked::{State, Tracked};

impl<T: Follow> Tracked<T> {
    /// Removes the row, then puts the events that fire into an outbox or publishes them. `remove` is given the row as it
    /// was last persisted. What is promised, and what happens on failure, is as in [`save`](Self::save).
    ///
    /// Deleting again only sends what is still unsent. A save after a delete inserts the row anew.
    ///
    /// # Errors
    /// See [`SaveError`].
    pub async fn delete<O, P, E>(&mut self, outbox: &O, remove: P) -> Result<(), SaveError<E>>
    where
        O: Outbox,
        P: AsyncFnOnce(&T) -> Result<(), E>,
    {
        if let Some((row, fired)) = self.plan_delete()? {
            remove(row).await.map_err(SaveError::Persist)?;
            self.state = State::Deleted;
            self.unsent.0.add(fired);
        }
        Ok(self.flush(outbox).await?)
    }

    /// [`delete`](Self::delete) without async; `append` is as in [`save_sync`](Self::save_sync).
    ///
    /// # Errors
    /// See [`SaveError`].
    pub fn delete_sync<A, P, E>(&mut self, append: A, remove: P) -> Result<(), SaveError<E>>
    where
        A: FnOnce(&[Envelope]) -> Result<(), OutboxError>,
        P: FnOnce(&T) -> Result<(), E>,
    {
        if let Some((row, fired)) = self.plan_delete()? {
            remove(row).map_err(SaveError::Persist)?;
            self.state = State::Deleted;
            self.unsent.0.add(fired);
        }
        self.flush_sync(append).map_err(SaveError::Outbox)
    }

    /// Hands the row as it was last persisted and what fires to `remove`, which removes the one and stores the other
    /// together; see [`save_with`](Self::save_with).
    ///
    /// Deleting again does nothing, unless something still waits to be stored.
    ///
    /// # Errors
    /// [`SaveError::Persist`], [`SaveError::Follow`] and [`SaveError::NeverPersisted`].
    pub async fn delete_with<P, E>(&mut self, remove: P) -> Result<(), SaveError<E>>
    where
        P: AsyncFnOnce(&T, &Fired) -> Result<(), E>,
    {
        let (row, fired) = match self.plan_delete()? {
            Some((row, fired)) => (row, fired.after(&self.unsent.0)),
            None if self.unsent.0.is_nothing() => return Ok(()),
            None => (&self.value, self.unsent.0.clone()),
        };
        let stored = remove(row, &fired).await;
        stored.map_err(SaveError::Persist)?;
        self.state = State::Deleted;
        self.all_stored();
        Ok(())
    }

    /// [`delete_with`](Self::delete_with) without async.
    ///
    /// # Errors
    /// As there.
    pub fn delete_with_sync<P, E>(&mut self, remove: P) -> Result<(), SaveError<E>>
    where
        P: FnOnce(&T, &Fired) -> Result<(), E>,
    {
        let (row, fired) = match self.plan_delete()? {
            Some((row, fired)) => (row, fired.after(&self.unsent.0)),
            None if self.unsent.0.is_nothing() => return Ok(()),
            None => (&self.value, self.unsent.0.clone()),
        };
        remove(row, &fired).map_err(SaveError::Persist)?;
        self.state = State::Deleted;
        self.all_stored();
        Ok(())
    }

    /// The row that goes, and what fires; nothing when it is gone already.
    fn plan_delete<E>(&self) -> Result<Option<(&T, Fired)>, SaveError<E>> {
        match &self.state {
            State::Persisted(row) => Ok(Some((row, planned::delete(row)?))),
            State::Deleted => Ok(None),
            State::New => Err(SaveError::NeverPersisted { model: T::NAME }),
        }
    }
}
