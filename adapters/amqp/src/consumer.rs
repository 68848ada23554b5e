//! Takes messages from a queue: reads them, and puts aside what no handler can use yet or ever.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use celerysalt::broker::{BrokerError, Consumer, DeadReason, Delivery};
use futures::StreamExt;
use lapin::Acker;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use uuid::Uuid;

use crate::broker::Shared;
use crate::delay::Ticks;
use crate::failure::words;
use crate::message::{Change, Message, Raw};
use crate::settle::AmqpSettle;
use crate::wire::{self, Decoded, Incoming};

/// How long a message is kept back that could be neither delivered nor put aside.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// A queue's deliveries over a channel of its own.
pub(crate) struct AmqpConsumer {
    broker: Arc<Shared>,
    queue: Arc<str>,
    channel: Channel,
    stream: Option<lapin::Consumer>,
}

impl AmqpConsumer {
    pub(crate) fn new(
        broker: Arc<Shared>,
        queue: &str,
        channel: Channel,
        stream: lapin::Consumer,
    ) -> Self {
        Self {
            broker,
            queue: queue.into(),
            channel,
            stream: Some(stream),
        }
    }

    /// A delivery for the worker; nothing when the message is put aside, which happens on its own, for `next` may be
    /// dropped at any time.
    fn sort(&self, raw: Raw, acker: Acker) -> Option<Delivery> {
        let now = self.broker.settings.clock.now();
        let incoming = Incoming {
            routing_key: raw.routing_key.as_str(),
            properties: &raw.properties,
            body: &raw.body,
            now,
        };
        let decoded = match wire::decode(&incoming) {
            Ok(decoded) => decoded,
            Err(error) => {
                let reason = DeadReason {
                    handler: None,
                    attempts: 0,
                    error: error.to_string(),
                };
                tracing::warn!(queue = %self.queue, %error, "a message that is no event goes to the dead letters");
                metrics::counter!("celerysalt_undecodable_total", "queue" => self.queue.to_string()).increment(1);
                let dead = raw.dead(&self.queue, &reason, now);
                self.put_aside(acker, dead);
                return None;
            }
        };
        if let Some(ticks) = decoded
            .envelope
            .meta
            .eta
            .and_then(|eta| Ticks::until(eta, now))
        {
            self.put_aside(acker, self.again(&raw, Some(ticks), Change::Nothing));
            return None;
        }
        let returns = raw.returns();
        if returns.uncounted && !self.broker.held.take(&Held::of(&decoded)) {
            self.put_aside(
                acker,
                self.again(
                    &raw,
                    None,
                    Change::Returned(returns.counted.saturating_add(1)),
                ),
            );
            return None;
        }
        Some(self.delivery(raw, acker, decoded, returns.counted))
    }

    fn delivery(&self, raw: Raw, acker: Acker, decoded: Decoded, redelivered: u32) -> Delivery {
        let held = Held::of(&decoded);
        let Decoded {
            envelope,
            target,
            retries,
        } = decoded;
        Delivery {
            envelope: Arc::new(envelope),
            target,
            retries,
            redelivered,
            settle: Box::new(AmqpSettle::new(
                Arc::clone(&self.broker),
                Arc::clone(&self.queue),
                raw,
                acker,
                held,
            )),
        }
    }

    fn again(&self, raw: &Raw, at: Option<Ticks>, change: Change<'_>) -> Message {
        raw.again(&self.queue, at, &self.broker.settings.delays, change)
    }

    /// Publishes what a message becomes, then acknowledges it. Where that fails it comes back.
    fn put_aside(&self, acker: Acker, becomes: Message) {
        let broker = Arc::clone(&self.broker);
        let queue = Arc::clone(&self.queue);
        tokio::spawn(async move {
            if let Err(error) = move_on(&broker, &queue, becomes, &acker).await {
                tracing::warn!(%queue, %error, "a message could not be put aside; it comes again");
                tokio::time::sleep(AFTER_ERROR).await;
                // A channel that is gone has given it back already.
                let _ = acker
                    .nack(BasicNackOptions {
                        requeue: true,
                        multiple: false,
                    })
                    .await;
            }
        });
    }
}

async fn move_on(
    broker: &Shared,
    queue: &str,
    becomes: Message,
    acker: &Acker,
) -> Result<(), BrokerError> {
    broker.send_on(queue, becomes).await?;
    let acked = acker.ack(BasicAckOptions::default()).await;
    acked
        .map(drop)
        .map_err(|error| crate::failure::unreachable(words(&error)))
}

#[async_trait]
impl Consumer for AmqpConsumer {
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            match self.stream.as_mut()?.next().await {
                Some(Ok(delivery)) => {
                    let (raw, acker) = Raw::of(delivery);
                    if let Some(delivery) = self.sort(raw, acker) {
                        return Some(delivery);
                    }
                }
                Some(Err(error)) => {
                    tracing::warn!(queue = %self.queue, error = words(&error), "the consumer failed");
                    self.stream = None;
                }
                None => {
                    tracing::warn!(queue = %self.queue, "RabbitMQ ended the consumer; was the queue deleted?");
                    self.stream = None;
                }
            }
        }
    }

    async fn stop(&mut self) {
        if let Some(stream) = self.stream.take() {
            give_back(&self.broker, &self.queue, &self.channel, stream).await;
        }
    }
}

impl Drop for AmqpConsumer {
    /// Gives back, uncounted, what was sent here and nobody took; the rest comes back with the channel's end.
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (broker, queue, channel) = (
            Arc::clone(&self.broker),
            Arc::clone(&self.queue),
            self.channel.clone(),
        );
        let stream = self.stream.take();
        runtime.spawn(async move {
            if let Some(stream) = stream {
                give_back(&broker, &queue, &channel, stream).await;
            }
            // It is closed one way or the other.
            let _ = channel.close(200, "consumer ends".into()).await;
        });
    }
}

async fn give_back(broker: &Shared, queue: &str, channel: &Channel, mut stream: lapin::Consumer) {
    if channel
        .basic_cancel(stream.tag(), Default::default())
        .await
        .is_err()
    {
        return;
    }
    while let Some(Ok(delivery)) = stream.next().await {
        let (raw, acker) = Raw::of(delivery);
        let again = raw.again(queue, None, &broker.settings.delays, Change::Nothing);
        if let Err(error) = move_on(broker, queue, again, &acker).await {
            tracing::debug!(queue, %error, "it goes back with the channel's end");
            return;
        }
    }
}

/// What this process held when a connection was lost: when it comes back that was no crash of a worker.
#[derive(Default)]
pub(crate) struct HeldHere(Mutex<HashSet<Held>>);

/// A message by its event and, on a retry, its handler.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Held {
    event: Uuid,
    target: Option<String>,
}

impl Held {
    fn of(decoded: &Decoded) -> Self {
        Self {
            event: decoded.envelope.id,
            target: decoded.target.clone(),
        }
    }
}

impl HeldHere {
    /// More are not remembered: a connection holds no more than the prefetch of its consumers.
    const MOST: usize = 10_000;

    pub(crate) fn remember(&self, held: Held) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < Self::MOST {
            all.insert(held);
        }
    }

    fn take(&self, held: &Held) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(held)
    }
}
