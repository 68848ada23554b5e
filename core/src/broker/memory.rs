//! The broker inside the process: the embedded default, and the semantics that every other broker matches.

mod consumer;
mod queue;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;

use self::consumer::MemoryConsumer;
use self::queue::{Message, Queue};
use super::{
    Broker, BrokerError, Consumer, DeadLetter, DeadLetters, DeadSelection, PublishError, QueueSpec,
};
use crate::clock::{SharedClock, SystemClock};
use crate::event::Envelope;
use crate::topic::TopicPattern;

/// A topic exchange with durable-in-process queues: priorities, delays, redelivery and dead letters.
///
/// Queues live as long as the broker; clones are the same broker. Nothing polls: a message wakes who waits for it,
/// and a delayed one wakes by the clock.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use celerysalt::broker::{Broker, MemoryBroker, QueueSpec};
/// # use celerysalt::event::{Envelope, Meta};
/// # let event = Envelope { id: uuid::Uuid::now_v7(), topic: "order.paid".into(), version: None,
/// #     payload: serde_json::json!({}), meta: Meta::default() };
///
/// let broker = MemoryBroker::default();
/// let queue = QueueSpec { name: "mails".into(), bindings: vec!["order.*".into()], max_priority: 10 };
/// broker.declare(&queue).await?;
/// broker.publish(&[event]).await.remove(0)?;
///
/// let mut consumer = broker.consume("mails", 1).await?;
/// let delivery = consumer.next().await.ok_or("closed")?;
/// assert_eq!(delivery.envelope.topic, "order.paid");
/// delivery.settle.ack().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct MemoryBroker(Arc<Inner>);

struct Inner {
    clock: SharedClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queues: BTreeMap<String, Queue>,
    next_consumer: u64,
    closed: bool,
}

/// What is in a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// To be had at once.
    pub ready: usize,
    /// Waiting for a retry, an `eta` or a rate limit.
    pub delayed: usize,
    /// Held by consumers.
    pub unsettled: usize,
    /// Given up.
    pub dead: usize,
}

impl MemoryBroker {
    /// An empty broker that runs by this clock.
    pub fn new(clock: SharedClock) -> Self {
        Self(Arc::new(Inner {
            clock,
            state: Mutex::default(),
        }))
    }

    /// What is in a queue.
    ///
    /// # Errors
    /// [`BrokerError::Queue`] when it was not declared.
    pub fn stats(&self, queue: &str) -> Result<QueueStats, BrokerError> {
        let now = self.0.clock.now();
        self.0.with_queue(queue, |queue| {
            let (ready, delayed, unsettled) = queue.counts(now);
            QueueStats {
                ready,
                delayed,
                unsettled,
                dead: queue.dead.len(),
            }
        })
    }

    /// The names of the declared queues, sorted.
    pub fn queues(&self) -> Vec<String> {
        self.0.lock().queues.keys().cloned().collect()
    }

    /// Ends every consumer and refuses what comes; queues keep what they have until the last clone is gone.
    pub fn close(&self) {
        let mut state = self.0.lock();
        state.closed = true;
        for queue in state.queues.values() {
            queue.changed.notify_waiters();
        }
    }
}

impl Default for MemoryBroker {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Does something to a queue.
    fn with_queue<R>(&self, name: &str, f: impl FnOnce(&mut Queue) -> R) -> Result<R, BrokerError> {
        let mut state = self.lock();
        match state.queues.get_mut(name) {
            Some(queue) => Ok(f(queue)),
            None => Err(BrokerError::Queue {
                queue: name.to_owned(),
                reason: "it was not declared".to_owned(),
            }),
        }
    }
}

impl State {
    fn check_open(&self) -> Result<(), BrokerError> {
        match self.closed {
            true => Err(BrokerError::Unreachable {
                reason: "the in-memory broker was closed".to_owned(),
            }),
            false => Ok(()),
        }
    }

    fn route(&mut self, envelope: &Envelope, clock: &SharedClock) -> Result<(), PublishError> {
        let shared = Arc::new(envelope.clone());
        let at = envelope.meta.eta.filter(|eta| *eta > clock.now());
        let mut routed = false;
        for queue in self.queues.values_mut() {
            if queue.bindings.iter().any(|b| b.matches(&envelope.topic)) {
                queue.push(Message::new(Arc::clone(&shared)), at);
                queue.changed.notify_waiters();
                routed = true;
            }
        }
        match routed {
            true => Ok(()),
            false => Err(PublishError::Unroutable {
                topic: envelope.topic.clone(),
            }),
        }
    }
}

#[async_trait]
impl Broker for MemoryBroker {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Result<(), PublishError>> {
        let mut state = self.0.lock();
        let open = state.check_open().map_err(|error| PublishError::Refused {
            reason: error.to_string(),
            after: None,
        });
        let publish = |envelope| {
            open.clone()
                .and_then(|()| state.route(envelope, &self.0.clock))
        };
        batch.iter().map(publish).collect()
    }

    async fn declare(&self, spec: &QueueSpec) -> Result<(), BrokerError> {
        let patterns = parse_bindings(&spec.name, &spec.bindings)?;
        let mut state = self.0.lock();
        state.check_open()?;
        let queue = state
            .queues
            .entry(spec.name.clone())
            .or_insert_with(|| Queue::new(spec.clone()));
        if queue.spec.max_priority != spec.max_priority {
            return Err(BrokerError::Queue {
                queue: spec.name.clone(),
                reason: format!(
                    "it exists with max_priority {}, not {}; use the same value, or another queue",
                    queue.spec.max_priority, spec.max_priority
                ),
            });
        }
        for pattern in patterns {
            if !queue.bindings.contains(&pattern) {
                queue.bindings.push(pattern);
            }
        }
        Ok(())
    }

    async fn unbind(&self, queue: &str, patterns: &[String]) -> Result<(), BrokerError> {
        let gone = parse_bindings(queue, patterns)?;
        self.0.lock().check_open()?;
        self.0.with_queue(queue, |queue| {
            queue.bindings.retain(|pattern| !gone.contains(pattern));
        })
    }

    async fn consume(
        &self,
        queue: &str,
        prefetch: usize,
    ) -> Result<Box<dyn Consumer>, BrokerError> {
        let id = {
            let mut state = self.0.lock();
            state.check_open()?;
            state.next_consumer += 1;
            state.next_consumer
        };
        let changed = self.0.with_queue(queue, |q| Arc::clone(&q.changed))?;
        Ok(Box::new(MemoryConsumer::new(
            Arc::clone(&self.0),
            queue,
            id,
            prefetch,
            changed,
        )))
    }
}

fn parse_bindings(queue: &str, patterns: &[String]) -> Result<Vec<TopicPattern>, BrokerError> {
    let parse = |binding: &String| {
        binding.parse().map_err(|error| BrokerError::Queue {
            queue: queue.to_owned(),
            reason: format!("binding: {error}"),
        })
    };
    patterns.iter().map(parse).collect()
}

#[async_trait]
impl DeadLetters for MemoryBroker {
    async fn list(
        &self,
        queue: &str,
        selection: &DeadSelection,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, BrokerError> {
        self.0.with_queue(queue, |queue| {
            let selected = queue.dead.iter().filter(|letter| selection.covers(letter));
            selected.take(limit).cloned().collect()
        })
    }

    async fn replay(&self, queue: &str, selection: &DeadSelection) -> Result<usize, BrokerError> {
        self.0.with_queue(queue, |queue| {
            let letters = take_dead(queue, selection);
            let count = letters.len();
            for letter in letters {
                let handler = letter.reason.handler.as_deref();
                queue.push(Message::retry(Arc::new(letter.revived()), handler, 0), None);
            }
            queue.changed.notify_waiters();
            count
        })
    }

    async fn purge(&self, queue: &str, selection: &DeadSelection) -> Result<usize, BrokerError> {
        self.0
            .with_queue(queue, |queue| take_dead(queue, selection).len())
    }
}

fn take_dead(queue: &mut Queue, selection: &DeadSelection) -> Vec<DeadLetter> {
    let (taken, kept): (VecDeque<_>, _) = std::mem::take(&mut queue.dead)
        .into_iter()
        .partition(|letter| selection.covers(letter));
    queue.dead = kept;
    Vec::from(taken)
}
