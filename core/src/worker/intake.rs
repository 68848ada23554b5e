//! Takes deliveries, and connects again when the broker is lost.

use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::stream;
use tokio::sync::Mutex;

use super::health::{Health, WorkerState};
use crate::broker::{BrokerError, Consumer, Delivery, QueueSpec, SharedBroker};
use crate::clock::SharedClock;

/// The first wait after the broker was lost.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait between two tries to reach the broker.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

pub(super) struct Intake {
    broker: SharedBroker,
    queue: QueueSpec,
    prefetch: usize,
    clock: SharedClock,
    health: Health,
    /// Here and not in the stream, so that it lives until what it has given is settled.
    consumer: Mutex<Option<Box<dyn Consumer>>>,
}

/// The deliveries of a queue, declared first. Ends with an error when the queue cannot be used; a broker that is
/// not reachable is tried again.
pub(super) fn deliveries(intake: Arc<Intake>) -> impl Stream<Item = Result<Delivery, BrokerError>> {
    stream::try_unfold(intake, |intake| async move {
        let delivery = intake.next().await?;
        Ok(Some((delivery, intake)))
    })
}

impl Intake {
    pub(super) fn new(
        broker: SharedBroker,
        queue: QueueSpec,
        prefetch: usize,
        clock: SharedClock,
        health: Health,
    ) -> Self {
        Self {
            broker,
            queue,
            prefetch,
            clock,
            health,
            consumer: Mutex::default(),
        }
    }

    pub(super) fn queue(&self) -> &QueueSpec {
        &self.queue
    }

    pub(super) async fn declare(&self) -> Result<(), BrokerError> {
        self.broker.declare(&self.queue).await
    }

    /// Takes nothing more. The stream of deliveries must be gone.
    pub(super) async fn stop(&self) {
        if let Some(consumer) = &mut *self.consumer.lock().await {
            consumer.stop().await;
        }
    }

    async fn next(&self) -> Result<Delivery, BrokerError> {
        let mut held = self.consumer.lock().await;
        loop {
            let fresh = held.is_none();
            let consumer = match held.take() {
                Some(consumer) => consumer,
                None => self.connect().await?,
            };
            if let Some(delivery) = held.insert(consumer).next().await {
                return Ok(delivery);
            }
            *held = None;
            self.health.enter(WorkerState::Disconnected);
            tracing::warn!(
                queue = self.queue.name,
                "lost the consumer; connecting again"
            );
            // One that gave nothing may be lost again at once, and again.
            if fresh {
                self.clock.sleep(FIRST_WAIT).await;
            }
        }
    }

    async fn connect(&self) -> Result<Box<dyn Consumer>, BrokerError> {
        let mut wait = FIRST_WAIT;
        loop {
            match self.try_connect().await {
                Err(error @ BrokerError::Unreachable { .. }) => {
                    self.health.not_reached(&error);
                    tracing::warn!(%error, queue = self.queue.name, ?wait, "trying again");
                    self.clock.sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                result => return result,
            }
        }
    }

    async fn try_connect(&self) -> Result<Box<dyn Consumer>, BrokerError> {
        self.declare().await?;
        let consumer = self.broker.consume(&self.queue.name, self.prefetch).await?;
        self.health.enter(WorkerState::Consuming);
        Ok(consumer)
    }
}
