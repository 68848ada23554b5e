//! A clock that stands still until it is told.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use tokio::sync::Notify;

use crate::clock::Clock;

/// A frozen clock for tests: `now` moves, and sleeps end, only by [`advance`](TestClock::advance).
/// Clones show the same time.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::time::Duration;
/// use celerysalt::clock::Clock;
/// use celerysalt::testing::TestClock;
///
/// let clock = TestClock::new();
/// let before = clock.now();
/// let nap = clock.sleep(Duration::from_secs(60));
/// clock.advance(Duration::from_secs(60));
/// nap.await;
/// assert_eq!((clock.now() - before).num_seconds(), 60);
/// # }
/// ```
#[derive(Clone)]
pub struct TestClock(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    now: DateTime<Utc>,
    next_id: u64,
    sleepers: BTreeMap<(DateTime<Utc>, u64), Option<Waker>>,
}

impl TestClock {
    /// A clock frozen at 2026-01-01 00:00 UTC.
    pub fn new() -> Self {
        Self::at(DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default())
    }

    /// A clock frozen at this instant.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                now,
                next_id: 0,
                sleepers: BTreeMap::new(),
            }),
            changed: Notify::new(),
        }))
    }

    /// Moves on by this much and ends the sleeps that are over by then.
    pub fn advance(&self, by: Duration) {
        let to = after(self.now(), by);
        self.set(to);
    }

    /// Moves on to this instant (not back) and ends the sleeps that are over by then.
    pub fn set(&self, to: DateTime<Utc>) {
        let due = {
            let mut state = self.lock();
            state.now = state.now.max(to);
            let now = state.now;
            let later = state.sleepers.split_off(&(now, u64::MAX));
            std::mem::replace(&mut state.sleepers, later)
        };
        for waker in due.into_values().flatten() {
            waker.wake();
        }
        self.0.changed.notify_waiters();
    }

    /// Moves on to the end of the sleep that ends first. Returns how far that was; `None` when nobody sleeps.
    pub fn advance_to_next(&self) -> Option<Duration> {
        let before = self.now();
        let next = self.next_wake()?;
        self.set(next);
        (next - before).to_std().ok()
    }

    /// When the first sleep ends.
    pub fn next_wake(&self) -> Option<DateTime<Utc>> {
        self.lock().sleepers.keys().next().map(|(at, _)| *at)
    }

    /// How many sleeps have not ended.
    pub fn sleepers(&self) -> usize {
        self.lock().sleepers.len()
    }

    /// Ends as soon as at least so many sleeps are going on.
    pub async fn until_sleepers(&self, count: usize) {
        loop {
            let changed = self.0.changed.notified();
            if self.sleepers() >= count {
                return;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        self.lock().now
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let key = {
            let mut state = self.lock();
            let key = (after(state.now, duration), state.next_id);
            state.next_id += 1;
            if key.0 > state.now {
                state.sleepers.insert(key, None);
            }
            key
        };
        self.0.changed.notify_waiters();
        Box::pin(Sleep {
            clock: self.clone(),
            key,
        })
    }
}

fn after(now: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(by)
        .ok()
        .and_then(|by| now.checked_add_signed(by))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

struct Sleep {
    clock: TestClock,
    key: (DateTime<Utc>, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.clock.lock().sleepers.get_mut(&self.key) {
            None => Poll::Ready(()),
            Some(waker) => {
                *waker = Some(cx.waker().clone());
                SLEPT.set(true);
                Poll::Pending
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clock.lock().sleepers.remove(&self.key);
    }
}

thread_local! {
    static SLEPT: Cell<bool> = const { Cell::new(false) };
}

/// Runs one poll and tells whether a sleep on a test clock was waited for in it.
pub(super) fn notice_sleep<R>(poll: impl FnOnce() -> R) -> (R, bool) {
    let outer = SLEPT.replace(false);
    let result = poll();
    let slept = SLEPT.replace(outer);
    (result, slept)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_sleep_ends_only_by_advancing() {
        let clock = TestClock::new();
        let mut nap = clock.sleep(Duration::from_secs(2));
        assert!((&mut nap).now_or_never().is_none());
        clock.advance(Duration::from_secs(1));
        assert!((&mut nap).now_or_never().is_none());
        clock.advance(Duration::from_secs(1));
        assert!(nap.now_or_never().is_some());
    }

    #[test]
    fn advances_to_the_first_of_the_sleepers() {
        let clock = TestClock::new();
        let long = clock.sleep(Duration::from_secs(9));
        let _short = clock.sleep(Duration::from_secs(3));
        assert_eq!(clock.advance_to_next(), Some(Duration::from_secs(3)));
        assert_eq!(clock.sleepers(), 1);
        drop(long);
        assert_eq!(clock.advance_to_next(), None);
    }

    #[test]
    fn never_goes_back_and_never_overflows() {
        let clock = TestClock::new();
        let now = clock.now();
        clock.set(now - TimeDelta::days(1));
        assert_eq!(clock.now(), now);
        let _forever = clock.sleep(Duration::MAX);
        assert_eq!(clock.sleepers(), 1);
    }
}
