//! Takes from a queue of the in-memory broker, and settles what was taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::super::{BrokerError, Consumer, DeadLetter, DeadReason, Delivery, Settle};
use super::Inner;
use super::queue::{Message, Queue};
use crate::event::Envelope;

pub(super) struct MemoryConsumer {
    broker: Arc<Inner>,
    queue: Arc<str>,
    id: u64,
    prefetch: usize,
    changed: Arc<Notify>,
}

enum Next {
    Taken(Delivery),
    Wait(Option<DateTime<Utc>>),
    Closed,
}

impl MemoryConsumer {
    pub(super) fn new(
        broker: Arc<Inner>,
        queue: &str,
        id: u64,
        prefetch: usize,
        changed: Arc<Notify>,
    ) -> Self {
        Self {
            broker,
            queue: queue.into(),
            id,
            prefetch,
            changed,
        }
    }

    fn try_next(&self) -> Next {
        let now = self.broker.clock.now();
        let mut state = self.broker.lock();
        if state.closed {
            return Next::Closed;
        }
        let Some(queue) = state.queues.get_mut(&*self.queue) else {
            return Next::Closed;
        };
        if self.prefetch > 0 && queue.held_by(self.id) >= self.prefetch {
            return Next::Wait(None);
        }
        match queue.take(now, self.id) {
            Some((tag, message)) => Next::Taken(self.delivery(tag, message)),
            None => Next::Wait(queue.next_due()),
        }
    }

    fn delivery(&self, tag: u64, message: Message) -> Delivery {
        Delivery {
            settle: Box::new(MemorySettle {
                broker: Arc::clone(&self.broker),
                queue: Arc::clone(&self.queue),
                tag,
                envelope: Arc::clone(&message.envelope),
                ended: AtomicBool::new(false),
            }),
            envelope: message.envelope,
            target: message.target,
            retries: message.retries,
            error: message.error,
            redelivered: message.redelivered,
        }
    }
}

#[async_trait]
impl Consumer for MemoryConsumer {
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            // Made before the look into the queue, so that a change in between is not missed.
            let changed = self.changed.notified();
            match self.try_next() {
                Next::Taken(delivery) => return Some(delivery),
                Next::Closed => return None,
                Next::Wait(None) => changed.await,
                Next::Wait(Some(at)) => {
                    let clock = &self.broker.clock;
                    let due = clock.sleep((at - clock.now()).to_std().unwrap_or_default());
                    tokio::select! { () = changed => {}, () = due => {} }
                }
            }
        }
    }
}

impl Drop for MemoryConsumer {
    fn drop(&mut self) {
        // The queue is there as long as the broker: there is nothing to report.
        let _ = self.broker.with_queue(&self.queue, |queue| {
            queue.give_back_all(self.id);
            queue.changed.notify_waiters();
        });
    }
}

struct MemorySettle {
    broker: Arc<Inner>,
    queue: Arc<str>,
    tag: u64,
    envelope: Arc<Envelope>,
    ended: AtomicBool,
}

impl MemorySettle {
    /// Does something to the queue, unless the broker has taken the delivery back.
    fn settle(&self, f: impl FnOnce(&mut Queue)) -> Result<(), BrokerError> {
        self.broker.with_queue(&self.queue, |queue| {
            if !self.ended.load(Ordering::SeqCst) && !queue.holds(self.tag) {
                return Err(BrokerError::Unreachable {
                    reason: "the consumer is gone; the message went back to its queue".to_owned(),
                });
            }
            f(queue);
            queue.changed.notify_waiters();
            Ok(())
        })?
    }
}

#[async_trait]
impl Settle for MemorySettle {
    async fn retry(
        &self,
        handler: &str,
        retries: u32,
        at: DateTime<Utc>,
        error: &str,
    ) -> Result<(), BrokerError> {
        self.settle(|queue| {
            let mut message = Message::retry(Arc::clone(&self.envelope), Some(handler), retries);
            message.error = Some(error.to_owned());
            queue.push(message, Some(at));
        })
    }

    async fn dead_letter(&self, dead: DeadReason) -> Result<(), BrokerError> {
        let died_at = self.broker.clock.now();
        self.settle(|queue| {
            queue.dead.push_back(DeadLetter {
                envelope: Envelope::clone(&self.envelope),
                reason: dead,
                origin: self.queue.to_string(),
                died_at,
            });
        })
    }

    async fn ack(&self) -> Result<(), BrokerError> {
        self.settle(|queue| {
            self.ended.store(true, Ordering::SeqCst);
            queue.release(self.tag);
        })
    }

    async fn requeue(&self, at: Option<DateTime<Utc>>) -> Result<(), BrokerError> {
        self.settle(|queue| {
            self.ended.store(true, Ordering::SeqCst);
            if let Some(message) = queue.release(self.tag) {
                queue.push(message, at);
            }
        })
    }
}

impl Drop for MemorySettle {
    fn drop(&mut self) {
        // Gives back what is still held; after `ack`, `requeue` or the consumer's end nothing is.
        let _ = self.broker.with_queue(&self.queue, |queue| {
            if queue.holds(self.tag) {
                queue.give_back(self.tag);
                queue.changed.notify_waiters();
            }
        });
    }
}
