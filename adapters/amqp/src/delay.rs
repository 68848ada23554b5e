//! Delays of any length out of a fixed set of queues, without a plugin.
//!
//! A queue of RabbitMQ expires messages at its head only, so one queue holds one delay. Level `n` has a queue whose
//! messages live for 2ⁿ ticks, and an exchange before it. A delay is a number of ticks; its bits are the first words of
//! the routing key, highest first, and the service's queue is the rest. Each exchange looks at its own bit: 1 leads
//! into the level's queue and, when its time is over, to the next exchange; 0 leads there at once. After the last bit
//! the message is in the delivery exchange, which sends it to the queue named. Celery delays so as well ("native
//! delayed delivery"), by whole seconds and under other names.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// How many levels there are: the longest delay at a time is 2²⁸ − 1 ticks (310 days). A longer one starts anew after that.
pub(crate) const LEVELS: u32 = 28;

/// The shortest delay.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// The bytes of a routing key that are left for a queue's name.
pub(crate) const LONGEST_QUEUE_NAME: usize = 255 - 2 * LEVELS as usize;

/// A delay as a number of ticks, of at least one and at most what the levels hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticks(u32);

impl Ticks {
    /// From now until an instant; nothing when it has come. Rounded up: never too early.
    pub(crate) fn until(at: DateTime<Utc>, now: DateTime<Utc>) -> Option<Self> {
        let left = (at - now).to_std().ok().filter(|left| !left.is_zero())?;
        let ticks = left.as_nanos().div_ceil(TICK.as_nanos());
        let most = (1 << LEVELS) - 1;
        Some(Self(u32::try_from(ticks).unwrap_or(most).min(most)))
    }

    /// The level at which the message enters: that of the highest bit.
    pub(crate) fn level(self) -> u32 {
        self.0.ilog2()
    }

    /// The routing key that leads through the levels to a queue.
    pub(crate) fn routing_key(self, queue: &str) -> String {
        let mut key = String::with_capacity(2 * LEVELS as usize + queue.len());
        for level in (0..LEVELS).rev() {
            // Writing to a string cannot fail.
            let _ = write!(key, "{}.", (self.0 >> level) & 1);
        }
        key + queue
    }
}

/// The pattern by which an exchange of a level takes the messages whose bit is this.
pub(crate) fn bit_pattern(level: u32, bit: u8) -> String {
    let before = "*.".repeat((LEVELS - 1 - level) as usize);
    format!("{before}{bit}.#")
}

/// The pattern by which the delivery exchange knows a queue.
pub(crate) fn queue_pattern(queue: &str) -> String {
    "*.".repeat(LEVELS as usize) + queue
}

/// How long a message stays in the queue of a level, in milliseconds.
pub(crate) fn lifetime(level: u32) -> i64 {
    let tick = i64::try_from(TICK.as_millis()).unwrap_or(i64::MAX);
    tick.saturating_mul(1 << level)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use celerysalt::topic::TopicPattern;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn ticks(delay: TimeDelta) -> Option<Ticks> {
        let now = DateTime::UNIX_EPOCH;
        Ticks::until(now + delay, now)
    }

    /// What the levels and their exchanges make of a message: its time in queues, and whether it arrives.
    fn travel(ticks: Ticks, queue: &str) -> (i64, bool) {
        let key = ticks.routing_key(queue);
        let matches = |pattern: String| pattern.parse::<TopicPattern>().unwrap().matches(&key);
        let mut waited = 0;
        for level in (0..=ticks.level()).rev() {
            assert_ne!(
                matches(bit_pattern(level, 0)),
                matches(bit_pattern(level, 1)),
                "one way only"
            );
            if matches(bit_pattern(level, 1)) {
                waited += lifetime(level);
            }
        }
        (waited, matches(queue_pattern(queue)))
    }

    #[test]
    fn what_is_due_is_not_delayed() {
        assert_eq!(ticks(TimeDelta::zero()), None);
        assert_eq!(ticks(TimeDelta::seconds(-5)), None);
    }

    #[test]
    fn the_longest_name_fits_into_a_routing_key() {
        let name = "q".repeat(LONGEST_QUEUE_NAME);
        assert_eq!(Ticks(1).routing_key(&name).len(), 255);
    }

    #[test]
    fn queues_whose_names_end_alike_are_told_apart() {
        let key = Ticks(5).routing_key("my.mails");
        assert!(
            !queue_pattern("mails")
                .parse::<TopicPattern>()
                .unwrap()
                .matches(&key)
        );
    }

    proptest! {
        #[test]
        fn a_message_waits_as_long_as_told_and_less_than_a_tick_more(millis in 1..26_000_000_000i64) {
            let (waited, arrives) = travel(ticks(TimeDelta::milliseconds(millis)).unwrap(), "shop.mails");
            prop_assert!(arrives);
            prop_assert!((millis..millis + 100).contains(&waited), "{waited}");
        }
    }
}
