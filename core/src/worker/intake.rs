//! Takes deliveries, and connects again when the broker is lost.

use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::stream;

use crate::broker::{BrokerError, Consumer, Delivery, QueueSpec, SharedBroker};
use crate::clock::SharedClock;

/// The first wait after the broker was lost.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait between two tries to reach the broker.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

pub(super) struct Intake {
    pub(super) broker: SharedBroker,
    pub(super) queue: QueueSpec,
    pub(super) prefetch: usize,
    pub(super) clock: SharedClock,
}

/// The deliveries of a queue, declared first. Ends with an error when the queue cannot be used; a broker that is
/// not reachable is tried again. The consumer lives as long as the stream.
pub(super) fn deliveries(intake: Arc<Intake>) -> impl Stream<Item = Result<Delivery, BrokerError>> {
    stream::try_unfold(None, move |mut consumer: Option<Box<dyn Consumer>>| {
        let intake = Arc::clone(&intake);
        async move {
            loop {
                let fresh = consumer.is_none();
                let mut current = match consumer.take() {
                    Some(current) => current,
                    None => intake.connect().await?,
                };
                match current.next().await {
                    Some(delivery) => return Ok(Some((delivery, Some(current)))),
                    None => {
                        tracing::warn!(
                            queue = intake.queue.name,
                            "lost the consumer; connecting again"
                        );
                        // One that gave nothing may be lost again at once, and again.
                        if fresh {
                            intake.clock.sleep(FIRST_WAIT).await;
                        }
                    }
                }
            }
        }
    })
}

impl Intake {
    async fn connect(&self) -> Result<Box<dyn Consumer>, BrokerError> {
        let mut wait = FIRST_WAIT;
        loop {
            match self.try_connect().await {
                Err(error @ BrokerError::Unreachable { .. }) => {
                    tracing::warn!(%error, queue = self.queue.name, ?wait, "trying again");
                    self.clock.sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                result => return result,
            }
        }
    }

    async fn try_connect(&self) -> Result<Box<dyn Consumer>, BrokerError> {
        self.broker.declare(&self.queue).await?;
        self.broker.consume(&self.queue.name, self.prefetch).await
    }
}
