//! Saves: insert or update, by what is known of the row.

use celerysalt::event::Envelope;
use celerysalt::outbox::{self, OutboxError};
use celerysalt::publisher::PublisherError;

use crate::error::SaveError;
use crate::fired::Fired;
use crate::model::Follow;
use crate::outbox::Outbox;
use crate::tracked::Tracked;

impl<T: Follow> Tracked<T> {
    /// Persists the row, then puts the events that fire into an outbox or publishes them. A `persist` that is not
    /// async fits as well: `async |order| store(order)`.
    ///
    /// `persist` is given the row as it is to be stored: without the rules that fire now and do not persist. It is
    /// called also when nothing has changed. When it fails nothing fires, and the next save finds the same change
    /// again. When the outbox fails the row is persisted and the events are kept here: saving again, or
    /// [`flush`](Self::flush), sends them under the same ids.
    ///
    /// **What it promises**: a save whose persist fails fires nothing. The events are as durable as the outbox from
    /// the moment that this returns `Ok`; a process that dies between persist and outbox loses them.
    /// [`save_with`](Self::save_with) has no such gap.
    ///
    /// The [history](celerysalt::history) of a model is not the outbox's: its transitions wait in this value for the next
    /// [`save_with`](Self::save_with), or for [`take_transitions`](Self::take_transitions).
    ///
    /// A future that is dropped while `persist` runs leaves this value as it was, though the row may be persisted:
    /// load it anew then.
    ///
    /// # Errors
    /// See [`SaveError`].
    pub async fn save<O, P, E>(&mut self, outbox: &O, persist: P) -> Result<(), SaveError<E>>
    where
        O: Outbox,
        P: AsyncFnOnce(&T) -> Result<(), E>,
    {
        let planned = self.plan_save()?;
        persist(&planned.row).await.map_err(SaveError::Persist)?;
        self.saved(planned.row);
        self.unsent.0.add(planned.fired);
        Ok(self.flush(outbox).await?)
    }

    /// [`save`](Self::save) without async: `append` is to put the events into an outbox, and is not called when there
    /// are none.
    ///
    /// # Errors
    /// See [`SaveError`].
    pub fn save_sync<A, P, E>(&mut self, append: A, persist: P) -> Result<(), SaveError<E>>
    where
        A: FnOnce(&[Envelope]) -> Result<(), OutboxError>,
        P: FnOnce(&T) -> Result<(), E>,
    {
        let planned = self.plan_save()?;
        persist(&planned.row).map_err(SaveError::Persist)?;
        self.saved(planned.row);
        self.unsent.0.add(planned.fired);
        self.flush_sync(append).map_err(SaveError::Outbox)
    }

    /// Hands the row and what fires to `persist`, which stores all of it together: both promises hold as they hold for
    /// your store.
    ///
    /// In a database, all goes into one transaction: `celerysalt_sql::sqlite::append_in(&mut tx, fired, now)`, or its
    /// twin for PostgreSQL, puts the events into the outbox; [`Fired::transitions`] are the history, where the model
    /// keeps one. Elsewhere an event's serde form is what is to be kept
    /// beside the row until it is delivered. `persist` returns `Ok` only when all is durable. When it fails nothing
    /// has fired, and the next save finds the same change again.
    ///
    /// An error that leaves open whether the transaction was committed (a connection lost in COMMIT), or a transaction
    /// of yours that is rolled back after `persist`, leaves this value beside what is stored: load the row anew then.
    ///
    /// # Errors
    /// [`SaveError::Persist`] and [`SaveError::Follow`].
    pub async fn save_with<P, E>(&mut self, persist: P) -> Result<(), SaveError<E>>
    where
        P: AsyncFnOnce(&T, &Fired) -> Result<(), E>,
    {
        let planned = self.plan_save()?;
        let fired = planned.fired.after(&self.unsent.0);
        let stored = persist(&planned.row, &fired).await;
        stored.map_err(SaveError::Persist)?;
        self.saved(planned.row);
        self.all_stored();
        Ok(())
    }

    /// [`save_with`](Self::save_with) without async.
    ///
    /// # Errors
    /// [`SaveError::Persist`] and [`SaveError::Follow`].
    pub fn save_with_sync<P, E>(&mut self, persist: P) -> Result<(), SaveError<E>>
    where
        P: FnOnce(&T, &Fired) -> Result<(), E>,
    {
        let planned = self.plan_save()?;
        let fired = planned.fired.after(&self.unsent.0);
        persist(&planned.row, &fired).map_err(SaveError::Persist)?;
        self.saved(planned.row);
        self.all_stored();
        Ok(())
    }

    /// Sends the events of persisted saves that no outbox has taken yet, under the ids that they have.
    ///
    /// # Errors
    /// The outbox's; a store's own error is [`PublisherError::Outbox`]. What is not sent stays here.
    pub async fn flush<O: Outbox>(&mut self, outbox: &O) -> Result<(), PublisherError> {
        outbox.take(&mut self.unsent.0.events).await
    }

    /// [`flush`](Self::flush) without async.
    ///
    /// # Errors
    /// Those of `append`; the events stay here then.
    pub fn flush_sync<A>(&mut self, append: A) -> Result<(), OutboxError>
    where
        A: FnOnce(&[Envelope]) -> Result<(), OutboxError>,
    {
        if !self.unsent.0.events.is_empty() {
            append(&self.unsent.0.events)?;
            self.unsent.0.events.clear();
            outbox::wake();
        }
        Ok(())
    }

    /// The user has stored all that came with the row.
    pub(crate) fn all_stored(&mut self) {
        self.unsent.0 = Fired::default();
        outbox::wake();
    }
}
