//! Takes deliveries, and connects again when the broker is lost.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::Stream;
use futures::stream;
use tokio::sync::Mutex;

use super::health::{Health, WorkerState};
use super::queues::{Layout, WorkerQueue};
use crate::broker::{BrokerError, Consumer, Delivery, SharedBroker};
use crate::clock::{self, SharedClock};

/// The first wait after the broker was lost.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait between two tries to reach the broker.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

pub(super) struct Intake {
    broker: SharedBroker,
    layout: Arc<Layout>,
    queue: String,
    prefetch: usize,
    clock: SharedClock,
    health: Health,
    /// Here and not in the stream, so that it lives until what it has given is settled.
    consumer: Mutex<Option<Taking>>,
}

/// A consumer of the queue.
struct Taking {
    consumer: Box<dyn Consumer>,
    /// When the queue is to be declared anew.
    declare_at: Option<DateTime<Utc>>,
}

/// A delivery, and where it comes from.
pub(super) type Taken = (Arc<WorkerQueue>, Delivery);

/// The deliveries of several queues, declared first: of each in turn, where more than one has some. Ends with an error
/// when a queue cannot be used; a broker that is not reachable is tried again.
pub(super) fn deliveries(
    queues: &[Arc<WorkerQueue>],
) -> impl Stream<Item = Result<Taken, BrokerError>> + use<> {
    stream::select_all(
        queues
            .iter()
            .map(|queue| Box::pin(taken(Arc::clone(queue)))),
    )
}

fn taken(queue: Arc<WorkerQueue>) -> impl Stream<Item = Result<Taken, BrokerError>> {
    stream::try_unfold(queue, |queue| async move {
        let delivery = queue.intake.next().await?;
        Ok(Some(((Arc::clone(&queue), delivery), queue)))
    })
}

impl Intake {
    pub(super) fn new(
        broker: SharedBroker,
        layout: Arc<Layout>,
        queue: String,
        prefetch: usize,
        clock: SharedClock,
        health: Health,
    ) -> Self {
        Self {
            broker,
            layout,
            queue,
            prefetch,
            clock,
            health,
            consumer: Mutex::default(),
        }
    }

    pub(super) fn queue(&self) -> &str {
        &self.queue
    }

    async fn declare(&self) -> Result<(), BrokerError> {
        self.layout.declare(&*self.broker).await
    }

    /// Takes nothing more. The stream of deliveries must be gone.
    pub(super) async fn stop(&self) {
        if let Some(taking) = &mut *self.consumer.lock().await {
            taking.consumer.stop().await;
        }
    }

    async fn next(&self) -> Result<Delivery, BrokerError> {
        let mut held = self.consumer.lock().await;
        loop {
            let fresh = held.is_none();
            let taking = match held.take() {
                Some(taking) => taking,
                None => self.connect().await?,
            };
            if let Some(delivery) = self.take(held.insert(taking)).await {
                return Ok(delivery);
            }
            *held = None;
            self.health
                .enter_queue(&self.queue, WorkerState::Disconnected);
            tracing::warn!(queue = self.queue, "lost the consumer; connecting again");
            // One that gave nothing may be lost again at once, and again.
            if fresh {
                self.clock.sleep(FIRST_WAIT).await;
            }
        }
    }

    /// The next delivery, with the queue declared anew as often as the broker wants it.
    async fn take(&self, taking: &mut Taking) -> Option<Delivery> {
        loop {
            let Some(at) = taking.declare_at else {
                return taking.consumer.next().await;
            };
            let left = (at - self.clock.now()).to_std().unwrap_or_default();
            tokio::select! {
                // The declaration first, or a queue that is never empty would keep it from its turn.
                biased;
                () = self.clock.sleep(left) => {}
                delivery = taking.consumer.next() => return delivery,
            }
            if let Err(error) = self.declare().await {
                tracing::warn!(%error, queue = self.queue, "could not declare the queue anew");
            }
            taking.declare_at = self.declare_at();
        }
    }

    fn declare_at(&self) -> Option<DateTime<Utc>> {
        let every = self.broker.declare_every()?;
        Some(clock::later(self.clock.now(), every))
    }

    async fn connect(&self) -> Result<Taking, BrokerError> {
        let mut wait = FIRST_WAIT;
        loop {
            match self.try_connect().await {
                Err(error @ BrokerError::Unreachable { .. }) => {
                    self.health.not_reached(&error);
                    tracing::warn!(%error, queue = self.queue, ?wait, "trying again");
                    self.clock.sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                result => return result,
            }
        }
    }

    async fn try_connect(&self) -> Result<Taking, BrokerError> {
        self.declare().await?;
        let consumer = self.broker.consume(&self.queue, self.prefetch).await?;
        self.health.enter_queue(&self.queue, WorkerState::Consuming);
        Ok(Taking {
            consumer,
            declare_at: self.declare_at(),
        })
    }
}
