//! One queue of the in-memory broker: who waits, who is held, who is dead. Knows no locks and no clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::super::{DeadLetter, QueueSpec};
use crate::event::Envelope;
use crate::topic::TopicPattern;

pub(super) struct Queue {
    pub(super) spec: QueueSpec,
    pub(super) bindings: Vec<TopicPattern>,
    pub(super) dead: VecDeque<DeadLetter>,
    pub(super) changed: Arc<Notify>,
    ready: BTreeMap<(Reverse<u8>, u64), Message>,
    delayed: BTreeMap<(DateTime<Utc>, u64), Message>,
    held: HashMap<u64, Held>,
    held_by: HashMap<u64, usize>,
    next_position: u64,
    next_tag: u64,
}

/// A message as it lies in the queue.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) envelope: Arc<Envelope>,
    pub(super) target: Option<String>,
    pub(super) retries: u32,
    pub(super) error: Option<String>,
    pub(super) redelivered: u32,
    position: Option<u64>,
}

struct Held {
    message: Message,
    consumer: u64,
}

impl Message {
    pub(super) fn new(envelope: Arc<Envelope>) -> Self {
        Self {
            envelope,
            target: None,
            retries: 0,
            error: None,
            redelivered: 0,
            position: None,
        }
    }

    pub(super) fn retry(envelope: Arc<Envelope>, handler: Option<&str>, retries: u32) -> Self {
        Self {
            target: handler.map(str::to_owned),
            retries,
            ..Self::new(envelope)
        }
    }
}

impl Queue {
    pub(super) fn new(spec: QueueSpec) -> Self {
        Self {
            spec,
            bindings: Vec::new(),
            dead: VecDeque::new(),
            changed: Arc::new(Notify::new()),
            ready: BTreeMap::new(),
            delayed: BTreeMap::new(),
            held: HashMap::new(),
            held_by: HashMap::new(),
            next_position: 0,
            next_tag: 0,
        }
    }

    /// Adds a message, at once or at an instant. One that was there before gets its old place again.
    pub(super) fn push(&mut self, mut message: Message, at: Option<DateTime<Utc>>) {
        let position = *message.position.get_or_insert_with(|| {
            self.next_position += 1;
            self.next_position
        });
        match at {
            Some(at) => self.delayed.insert((at, position), message),
            None => self.ready.insert(self.rank(&message, position), message),
        };
    }

    /// The first message, now held by this consumer under the tag.
    pub(super) fn take(&mut self, now: DateTime<Utc>, consumer: u64) -> Option<(u64, Message)> {
        self.promote(now);
        let (_, message) = self.ready.pop_first()?;
        self.next_tag += 1;
        *self.held_by.entry(consumer).or_default() += 1;
        self.held.insert(
            self.next_tag,
            Held {
                message: message.clone(),
                consumer,
            },
        );
        Some((self.next_tag, message))
    }

    /// Ends the hold and gives the message, if it is still held.
    pub(super) fn release(&mut self, tag: u64) -> Option<Message> {
        let held = self.held.remove(&tag)?;
        if let Some(count) = self.held_by.get_mut(&held.consumer) {
            *count -= 1;
        }
        Some(held.message)
    }

    pub(super) fn holds(&self, tag: u64) -> bool {
        self.held.contains_key(&tag)
    }

    /// Puts a held message back, counted as redelivered.
    pub(super) fn give_back(&mut self, tag: u64) {
        if let Some(mut message) = self.release(tag) {
            message.redelivered += 1;
            self.push(message, None);
        }
    }

    /// Puts back all that a consumer holds.
    pub(super) fn give_back_all(&mut self, consumer: u64) {
        let tags: Vec<u64> = self
            .held
            .iter()
            .filter(|(_, held)| held.consumer == consumer)
            .map(|(tag, _)| *tag)
            .collect();
        for tag in tags {
            self.give_back(tag);
        }
        self.held_by.remove(&consumer);
    }

    pub(super) fn held_by(&self, consumer: u64) -> usize {
        self.held_by.get(&consumer).copied().unwrap_or(0)
    }

    /// When the first of the waiting messages is due.
    pub(super) fn next_due(&self) -> Option<DateTime<Utc>> {
        self.delayed.keys().next().map(|(at, _)| *at)
    }

    /// How many are ready by now, wait for an instant, and are held.
    pub(super) fn counts(&mut self, now: DateTime<Utc>) -> (usize, usize, usize) {
        self.promote(now);
        (self.ready.len(), self.delayed.len(), self.held.len())
    }

    fn promote(&mut self, now: DateTime<Utc>) {
        while let Some(first) = self.delayed.first_entry() {
            if first.key().0 > now {
                return;
            }
            let ((_, position), message) = first.remove_entry();
            self.ready.insert(self.rank(&message, position), message);
        }
    }

    fn rank(&self, message: &Message, position: u64) -> (Reverse<u8>, u64) {
        let priority = message.envelope.meta.priority.unwrap_or(0);
        (Reverse(priority.min(self.spec.max_priority)), position)
    }
}
