//! Statement boundaries: counts the SQL statements that a process has executed and acts at one of them.
//!
//! sqlx reports every statement that it has executed as a `tracing` event of target `sqlx::query`; that is
//! the boundary between this statement and the next. `COMMIT` is not reported, so a kill after the last
//! statement of a transaction falls before its commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Installs a process-wide counter of executed statements. Call once a process.
pub fn install() -> Arc<Boundary> {
    let boundary = Arc::new(Boundary::default());
    let subscriber = tracing_subscriber::registry().with(BoundaryLayer(boundary.clone()));
    tracing::subscriber::set_global_default(subscriber).expect("the counter is installed once a process");
    boundary
}

/// Counts executed statements; at the armed one it kills the process or wakes a waiter.
#[derive(Default)]
pub struct Boundary {
    executed: AtomicU64,
    kill_at: AtomicU64,
    wake_at: AtomicU64,
    woken: Notify,
}

impl Boundary {
    /// Starts to count anew, acting on nothing.
    pub fn reset(&self) {
        self.executed.store(0, Ordering::SeqCst);
        self.kill_at.store(0, Ordering::SeqCst);
        self.wake_at.store(0, Ordering::SeqCst);
    }

    /// Statements executed since the last reset.
    pub fn executed(&self) -> u64 {
        self.executed.load(Ordering::SeqCst)
    }

    /// SIGKILLs this process right after statement number `n` (from 1) from now.
    pub fn kill_after(&self, n: u64) {
        self.reset();
        self.kill_at.store(n, Ordering::SeqCst);
    }

    /// Runs a future up to statement number `n` and drops it there; `None` when it was dropped.
    pub async fn cut_after<F: Future>(&self, n: u64, future: F) -> Option<F::Output> {
        self.reset();
        self.wake_at.store(n, Ordering::SeqCst);
        let cut = tokio::select! {
            biased;
            () = self.woken.notified() => None,
            output = future => Some(output),
        };
        self.reset();
        cut
    }

    fn statement_executed(&self) {
        let n = self.executed.fetch_add(1, Ordering::SeqCst) + 1;
        if n == self.kill_at.load(Ordering::SeqCst) {
            kill_self();
        }
        if n == self.wake_at.load(Ordering::SeqCst) {
            self.woken.notify_one();
        }
    }
}

/// SIGKILLs this process; no destructor, no rollback, no flush runs.
pub fn kill_self() -> ! {
    let me = rustix::process::getpid();
    rustix::process::kill_process(me, rustix::process::Signal::KILL).expect("a process may kill itself");
    loop {
        std::thread::park();
    }
}

struct BoundaryLayer(Arc<Boundary>);

impl<S: Subscriber> Layer<S> for BoundaryLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            self.0.statement_executed();
        }
    }
}
