//! Rate limits: even spacing of a handler's starts in one worker, as Celery's token bucket of one has it.

use std::collections::HashMap;
use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::handler::RateLimit;

/// Gives every start its instant. One that must wait keeps its reservation while it waits in the broker, so
/// that a thousand waiting events come back once each and in order.
#[derive(Default)]
pub(super) struct RateLimiter {
    lanes: Mutex<HashMap<String, Lane>>,
}

#[derive(Default)]
struct Lane {
    /// The first instant that nobody has.
    free: DateTime<Utc>,
    reserved: HashMap<Uuid, DateTime<Utc>>,
    /// When old reservations were forgotten last.
    tidied: DateTime<Utc>,
}

/// A reservation that nobody came for (another worker took the event) is forgotten after this time.
const FORGET_AFTER: TimeDelta = TimeDelta::hours(1);

impl RateLimiter {
    /// `None` when the handler may start on this event now, else the instant to come again.
    pub(super) fn admit(
        &self,
        handler: &str,
        limit: RateLimit,
        event: Uuid,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let spacing = spacing(limit)?;
        let mut lanes = self
            .lanes
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let lane = lanes.entry(handler.to_owned()).or_default();
        if let Some(&at) = lane.reserved.get(&event) {
            if at > now {
                return Some(at);
            }
            lane.reserved.remove(&event);
            return None;
        }
        let at = lane.free.max(now);
        lane.free = at.checked_add_signed(spacing)?;
        if at <= now {
            return None;
        }
        lane.reserve(event, at, now);
        Some(at)
    }
}

impl Lane {
    fn reserve(&mut self, event: Uuid, at: DateTime<Utc>, now: DateTime<Utc>) {
        if now >= self.tidied + FORGET_AFTER {
            self.reserved.retain(|_, at| *at + FORGET_AFTER > now);
            self.tidied = now;
        }
        self.reserved.insert(event, at);
    }
}

/// `None` for a limit of zero (Celery: no limit) and for one that is no number.
fn spacing(limit: RateLimit) -> Option<TimeDelta> {
    let nanos = limit.per.as_nanos() as f64 / limit.count;
    (limit.count > 0.0 && nanos.is_finite()).then(|| TimeDelta::nanoseconds(nanos as i64))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn per_minute(count: f64) -> RateLimit {
        RateLimit {
            count,
            per: Duration::from_secs(60),
        }
    }

    #[test]
    fn starts_are_spaced_and_each_waits_once() {
        let limiter = RateLimiter::default();
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let [a, b, c] = [1, 2, 3].map(Uuid::from_u128);
        let admit = |event, seconds| {
            let at = now + TimeDelta::seconds(seconds);
            limiter
                .admit("h", per_minute(6.0), event, at)
                .map(|at| (at - now).num_seconds())
        };
        assert_eq!(admit(a, 0), None);
        assert_eq!(admit(b, 0), Some(10));
        assert_eq!(admit(c, 0), Some(20));
        assert_eq!(admit(b, 4), Some(10), "keeps its reservation");
        assert_eq!(admit(c, 20), None);
        assert_eq!(admit(b, 20), None, "late, but its instant has passed");
        assert_eq!(admit(a, 21), Some(30));
    }

    #[test]
    fn handlers_do_not_share_a_limit_and_zero_is_none() {
        let limiter = RateLimiter::default();
        let now = DateTime::UNIX_EPOCH;
        for id in 0..3 {
            let id = Uuid::from_u128(id);
            assert_eq!(
                limiter.admit(&id.to_string(), per_minute(1.0), id, now),
                None
            );
            assert_eq!(limiter.admit("free", per_minute(0.0), id, now), None);
        }
    }

    #[test]
    fn reservations_of_strangers_are_forgotten() {
        let limiter = RateLimiter::default();
        let mut now = DateTime::UNIX_EPOCH;
        for id in 0..10_000 {
            limiter.admit("h", per_minute(60.0), Uuid::from_u128(2 * id), now);
            limiter.admit("h", per_minute(60.0), Uuid::from_u128(2 * id + 1), now);
            now += TimeDelta::seconds(2);
        }
        let kept = limiter.lanes.lock().unwrap()["h"].reserved.len();
        assert!(kept < 5_000, "{kept}");
    }
}
