//! Time is injected: nothing in this library reads the wall clock or sleeps on its own.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;

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
