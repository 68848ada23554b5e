//! Takes messages from a queue: reads them, and puts aside what no handler can use yet or ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use celerysalt::broker::{BrokerError, Consumer, DeadReason, Delivery};
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use lapin::Acker;
use lapin::Channel;
use metrics::counter;

use crate::acknowledge::{ack, nack};
use crate::broker::Shared;
use crate::delay::Ticks;
use crate::failure::{of_queue, words};
use crate::held::{Held, Known};
use crate::message::{Change, Message, Raw};
use crate::settle::{AFTER_ERROR, AmqpSettle};
use crate::wire::{self, Decoded};

/// How long a message waits that came back while this process still handles it.
const STILL_HANDLED: TimeDelta = TimeDelta::seconds(1);

/// A queue's deliveries over a channel of its own.
pub(crate) struct AmqpConsumer {
    broker: Arc<Shared>,
    queue: Arc<str>,
    channel: Channel,
    stream: Option<lapin::Consumer>,
    /// Whether the stream ended by itself.
    is_lost: bool,
    /// Whether this was dropped by its owner and not lost.
    abandoned: Arc<AtomicBool>,
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
            is_lost: false,
            abandoned: Arc::default(),
        }
    }

    /// A delivery for the worker; nothing when the message is put aside, which happens on its own, for `next` may be
    /// dropped at any time.
    fn sort(&self, raw: Raw, acker: Acker) -> Option<Delivery> {
        let now = self.broker.settings.clock.now();
        let decoded = match wire::decode(&raw.incoming(now)) {
            Ok(decoded) => decoded,
            Err(error) => {
                let reason = DeadReason {
                    handler: None,
                    attempts: 0,
                    error: error.to_string(),
                };
                tracing::warn!(queue = %self.queue, %error, "a message that is no event goes to the dead letters");
                let dead = raw.dead(&self.queue, &reason, now);
                let (queue, topic) = (self.queue.to_string(), raw.topic());
                self.put_aside(acker, dead, None, move || count_undecodable(queue, topic));
                return None;
            }
        };
        let raw = raw.expiring(decoded.envelope.meta.expires);
        if let Some(ticks) = decoded
            .envelope
            .meta
            .eta
            .and_then(|eta| Ticks::until(eta, now))
        {
            let later = self.again(&raw, Some(ticks), Change::Nothing);
            let held = Held::of(&self.queue, &decoded);
            self.put_aside(acker, later, Some((held, raw.returns().counted)), || ());
            return None;
        }
        self.sort_by_returns(raw, acker, decoded, now)
    }

    /// A delivery for the worker, with the crashes that it stands for; nothing when it has to be counted first, or is
    /// still being handled here.
    fn sort_by_returns(
        &self,
        raw: Raw,
        acker: Acker,
        decoded: Decoded,
        now: DateTime<Utc>,
    ) -> Option<Delivery> {
        let held = Held::of(&self.queue, &decoded);
        let returns = raw.returns();
        let known = self.broker.held.recognize(&held, raw.redelivered);
        let (at, times, uncounted) = match known {
            Known::StillHandled(times) => (Ticks::until(now + STILL_HANDLED, now), times, true),
            // A quorum queue has counted what was no crash.
            Known::Lost(times) if times < returns.counted => (None, times, true),
            Known::Unknown if returns.uncounted => (None, returns.counted.saturating_add(1), false),
            Known::Lost(_) | Known::Unknown => {
                return Some(self.delivery(raw, acker, decoded, held, returns.counted));
            }
        };
        let uncounted = uncounted.then_some((held, times));
        let again = self.again(&raw, at, Change::Returned(times));
        self.put_aside(acker, again, uncounted, || ());
        None
    }

    fn delivery(
        &self,
        raw: Raw,
        acker: Acker,
        decoded: Decoded,
        held: Held,
        redelivered: u32,
    ) -> Delivery {
        let hold = self.broker.held.hold(held, redelivered, &self.abandoned);
        let Decoded {
            envelope,
            target,
            retries,
            error,
        } = decoded;
        Delivery {
            envelope: Arc::new(envelope),
            target,
            retries,
            error,
            redelivered,
            settle: Box::new(AmqpSettle::new(
                Arc::clone(&self.broker),
                Arc::clone(&self.queue),
                raw,
                acker,
                hold,
            )),
        }
    }

    fn again(&self, raw: &Raw, at: Option<Ticks>, change: Change<'_>) -> Message {
        raw.again(&self.queue, at, &self.broker.settings.delays, change)
    }

    /// Publishes what a message becomes, then acknowledges it; `done` is called once it is published and acknowledged.
    /// Where that fails it comes back; uncounted, unless its return is what was to be counted.
    fn put_aside(
        &self,
        acker: Acker,
        becomes: Message,
        uncounted: Option<(Held, u32)>,
        done: impl FnOnce() + Send + 'static,
    ) {
        let broker = Arc::clone(&self.broker);
        let queue = Arc::clone(&self.queue);
        tokio::spawn(async move {
            let moved = move_on(&broker, &queue, becomes, &acker).await;
            let Err(error) = moved else { return done() };
            tracing::warn!(%queue, %error, "a message could not be put aside; it comes again");
            if let Some((held, returns)) = uncounted {
                broker.held.remember(held, returns);
            }
            tokio::time::sleep(AFTER_ERROR).await;
            nack(&acker).await;
        });
    }
}

/// What comes again is counted when it is a dead letter at last, and then once.
fn count_undecodable(queue: String, topic: String) {
    counter!("celerysalt_undecodable_total", "queue" => queue).increment(1);
    counter!("celerysalt_dead_lettered_total", "topic" => topic, "handler" => "").increment(1);
}

async fn move_on(
    broker: &Shared,
    queue: &str,
    becomes: Message,
    acker: &Acker,
) -> Result<(), BrokerError> {
    broker.send_on(queue, becomes).await?;
    ack(acker).await
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
                    (self.stream, self.is_lost) = (None, true);
                }
                None => {
                    tracing::warn!(queue = %self.queue, "RabbitMQ ended the consumer; was the queue deleted?");
                    (self.stream, self.is_lost) = (None, true);
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
        self.abandoned.store(!self.is_lost, Ordering::SeqCst);
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
            broker.settings.close(&channel).await;
        });
    }
}

async fn give_back(broker: &Shared, queue: &str, channel: &Channel, mut stream: lapin::Consumer) {
    let cancelling = async {
        let cancelled = channel.basic_cancel(stream.tag(), Default::default());
        cancelled.await.map_err(|error| of_queue(queue, &error))
    };
    let settings = &broker.settings;
    if let Err(error) = settings.asked(channel, queue, cancelling).await {
        tracing::debug!(queue, %error, "what nobody took goes back with the channel's end");
        return;
    }
    while let Some(Ok(delivery)) = stream.next().await {
        let (raw, acker) = Raw::of(delivery);
        let decoded = wire::decode(&raw.incoming(broker.settings.clock.now()));
        let expires = decoded
            .ok()
            .and_then(|decoded| decoded.envelope.meta.expires);
        let raw = raw.expiring(expires);
        let again = raw.again(queue, None, &broker.settings.delays, Change::Nothing);
        if let Err(error) = move_on(broker, queue, again, &acker).await {
            tracing::debug!(queue, %error, "it goes back with the channel's end");
            return;
        }
    }
}
