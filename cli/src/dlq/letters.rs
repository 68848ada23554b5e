//! Dead letters, wherever they are.

use std::fmt;

use celerysalt::broker::{DeadLetter, DeadLetters, DeadSelection};
use celerysalt::outbox::DeadLetterStore;
use celerysalt_amqp::AmqpBroker;
use celerysalt_sql::SqlOutbox;
use chrono::Utc;

use super::PlaceArgs;
use crate::failure::Failure;
use crate::shared::output::plain;
use crate::shared::progress::Progress;

/// The dead letters of a queue, or of the outbox.
pub(super) enum Letters {
    Queue { broker: AmqpBroker, queue: String },
    Outbox(SqlOutbox),
}

impl Letters {
    /// # Errors
    /// A URL that is missing or of no use, a database that lets nobody in.
    pub(super) async fn open(place: &PlaceArgs) -> Result<Self, Failure> {
        match &place.place.queue {
            Some(queue) => Ok(Self::Queue {
                broker: place.rabbit.broker()?,
                queue: queue.clone(),
            }),
            None => Ok(Self::Outbox(place.database.outbox().await?)),
        }
    }

    /// The first selected letters, oldest first.
    pub(super) async fn list(
        &self,
        selection: &DeadSelection,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, Failure> {
        let _progress = Progress::of("looking through the dead letters");
        match self {
            Self::Queue { broker, queue } => broker
                .list(queue, selection, limit)
                .await
                .map_err(Failure::DeadLetters),
            Self::Outbox(outbox) => Ok(outbox.dead_letters(selection, limit).await?),
        }
    }

    /// Puts the selected letters back; gives how many.
    pub(super) async fn replay(&self, selection: &DeadSelection) -> Result<u64, Failure> {
        let progress = Progress::of("replaying dead letters");
        match self {
            Self::Queue { broker, queue } => broker
                .replay_dead(queue, selection, &|seen| progress.looked_through(seen))
                .await
                .map(|replayed| replayed as u64)
                .map_err(Failure::DeadLetters),
            Self::Outbox(outbox) => {
                Ok(DeadLetterStore::replay(outbox, selection, Utc::now()).await?)
            }
        }
    }

    /// Forgets the selected letters; gives how many.
    pub(super) async fn purge(&self, selection: &DeadSelection) -> Result<u64, Failure> {
        let progress = Progress::of("purging dead letters");
        match self {
            Self::Queue { broker, queue } => broker
                .purge_dead(queue, selection, &|seen| progress.looked_through(seen))
                .await
                .map(|purged| purged as u64)
                .map_err(Failure::DeadLetters),
            Self::Outbox(outbox) => Ok(outbox.purge_dead_letters(selection).await?),
        }
    }

    /// Closes what is open.
    pub(super) async fn close(self) {
        if let Self::Queue { broker, .. } = self {
            broker.close().await;
        }
    }
}

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue { queue, .. } => write!(f, "queue `{}`", plain(queue)),
            Self::Outbox(_) => f.write_str("the outbox"),
        }
    }
}
