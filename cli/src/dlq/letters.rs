//! Dead letters, wherever they are.

use std::fmt;

use celerysalt::broker::{DeadLetter, DeadLetters, DeadSelection};
use celerysalt::outbox::DeadLetterStore;
use celerysalt_amqp::AmqpBroker;
use celerysalt_sql::SqlOutbox;
use chrono::Utc;

use super::PlaceArgs;
use crate::failure::Failure;
use crate::shared::output::{OutputArgs, plain};
use crate::shared::progress::Progress;

/// Dead letters, looked after by a command with this output.
pub(super) struct Letters {
    place: Place,
    output: OutputArgs,
}

/// The dead letters of a queue, or of the outbox.
enum Place {
    Queue { broker: AmqpBroker, queue: String },
    Outbox(SqlOutbox),
}

impl Letters {
    /// # Errors
    /// A URL that is missing or of no use, a database that lets nobody in.
    pub(super) async fn open(args: &PlaceArgs, output: OutputArgs) -> Result<Self, Failure> {
        let place = match &args.place.queue {
            Some(queue) => Place::Queue {
                broker: args.rabbit.broker()?,
                queue: queue.clone(),
            },
            None => Place::Outbox(args.database.outbox().await?),
        };
        Ok(Self { place, output })
    }

    /// The first selected letters, oldest first.
    pub(super) async fn list(
        &self,
        selection: &DeadSelection,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, Failure> {
        let _progress = Progress::of("looking through the dead letters", self.output);
        match &self.place {
            Place::Queue { broker, queue } => broker
                .list(queue, selection, limit)
                .await
                .map_err(Failure::DeadLetters),
            Place::Outbox(outbox) => Ok(outbox.dead_letters(selection, limit).await?),
        }
    }

    /// Puts the selected letters back; gives how many.
    pub(super) async fn replay(&self, selection: &DeadSelection) -> Result<u64, Failure> {
        let progress = Progress::of("replaying dead letters", self.output);
        match &self.place {
            Place::Queue { broker, queue } => broker
                .replay_dead(queue, selection, &|seen| progress.looked_through(seen))
                .await
                .map(|replayed| replayed as u64)
                .map_err(Failure::DeadLetters),
            Place::Outbox(outbox) => {
                Ok(DeadLetterStore::replay(outbox, selection, Utc::now()).await?)
            }
        }
    }

    /// Forgets the selected letters; gives how many.
    pub(super) async fn purge(&self, selection: &DeadSelection) -> Result<u64, Failure> {
        let progress = Progress::of("purging dead letters", self.output);
        match &self.place {
            Place::Queue { broker, queue } => broker
                .purge_dead(queue, selection, &|seen| progress.looked_through(seen))
                .await
                .map(|purged| purged as u64)
                .map_err(Failure::DeadLetters),
            Place::Outbox(outbox) => Ok(outbox.purge_dead_letters(selection).await?),
        }
    }

    /// Closes what is open.
    pub(super) async fn close(self) {
        if let Place::Queue { broker, .. } = self.place {
            broker.close().await;
        }
    }
}

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Queue { queue, .. } => write!(f, "queue `{}`", plain(queue)),
            Place::Outbox(_) => f.write_str("the outbox"),
        }
    }
}
