//! Time is injected: nothing in this library reads the wall clock or sleeps on its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use uuid::{Timestamp, Uuid};

/// A source of time. Implementations are shared by all tasks of a process.
///
/// Contract: `now` never panics; a `sleep` future that is dropped has no effect; with a
/// frozen clock a sleep ends when somebody advances the clock past its end.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> DateTime<Utc>;

    /// Ends after `duration` of this clock's time.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// A clock that many own.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock and tokio's timer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A new id (UUIDv7) of this clock's instant. Ids that one process makes in one millisecond sort in the order
/// in which they were made.
pub fn new_id(clock: &dyn Clock) -> Uuid {
    id_at(clock.now())
}

/// [`new_id`] of this instant.
pub(crate) fn id_at(now: DateTime<Utc>) -> Uuid {
    // Counts on over all clocks of the process, from a random start, so that processes do not meet.
    static SEQUENCE: LazyLock<AtomicU64> =
        LazyLock::new(|| AtomicU64::new(u64::from(rand::random::<u32>())));
    const USABLE_BITS: u8 = 42;

    // Instants before 1970 have no place in a UUIDv7.
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    let nanos = now.timestamp_subsec_nanos().min(999_999_999);
    let count = SEQUENCE.fetch_add(1, Ordering::Relaxed) % (1 << USABLE_BITS);
    Uuid::new_v7(Timestamp::from_unix_time(
        seconds,
        nanos,
        count.into(),
        USABLE_BITS,
    ))
}

/// An instant so much later. A time that nobody lives to see (`Duration::MAX` for "never") gives the end of year
/// 9999, the last instant that every database and broker can write.
pub(crate) fn later(at: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(by)
        .ok()
        .and_then(|by| at.checked_add_signed(by))
        .map_or(LAST, |later| later.min(LAST))
}

/// An instant so much earlier, not before 1970.
pub(crate) fn earlier(at: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(by)
        .ok()
        .and_then(|by| at.checked_sub_signed(by))
        .map_or(DateTime::UNIX_EPOCH, |earlier| {
            earlier.max(DateTime::UNIX_EPOCH)
        })
}

/// The end of year 9999.
const LAST: DateTime<Utc> = match DateTime::from_timestamp(253_402_300_799, 0) {
    Some(instant) => instant,
    None => DateTime::<Utc>::MAX_UTC,
};

static INSTALLED: std::sync::RwLock<Option<SharedClock>> = std::sync::RwLock::new(None);

tokio::task_local! {
    static SCOPED: SharedClock;
}

/// The clock of code that nobody can hand one to (save hooks): the one of the enclosing [`scope`],
/// else the installed one, else the system's.
pub fn ambient() -> SharedClock {
    SCOPED.try_with(Arc::clone).unwrap_or_else(|_| {
        let installed = INSTALLED
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        installed.clone().unwrap_or_else(|| Arc::new(SystemClock))
    })
}

/// Makes a clock the process's ambient one.
pub fn install(clock: SharedClock) {
    *INSTALLED
        .write()
        .unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(clock);
}

/// Runs a future with this clock as the ambient one.
pub async fn scope<F: std::future::Future>(clock: SharedClock, future: F) -> F::Output {
    SCOPED.scope(clock, future).await
}
