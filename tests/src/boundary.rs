//! Statement boundaries: counts the SQL statements that were executed and acts at one of them.
//!
//! A process that is to be killed counts what sqlx reports: a `tracing` event of target `sqlx::query` for every
//! statement executed. (On SQLite the report comes from sqlx's own thread.) A future that is to be cut counts
//! what SeaORM reports, inside the future itself, and unwinds from there: the save ends at that boundary.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use sea_orm::DatabaseConnection;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Installs a process-wide counter of executed statements. Call once a process.
pub fn install() -> Arc<Boundary> {
    let boundary = Arc::new(Boundary::default());
    let subscriber = tracing_subscriber::registry().with(BoundaryLayer(boundary.clone()));
    tracing::subscriber::set_global_default(subscriber)
        .expect("the counter is installed once a process");
    boundary
}

/// Counts the statements that go through a pool. Call before the pool is shared.
pub fn watch(db: &mut DatabaseConnection) -> Arc<Boundary> {
    let boundary = Arc::new(Boundary::default());
    let counter = boundary.clone();
    db.set_metric_callback(move |_| counter.statement_executed());
    boundary
}

/// Counts executed statements; at the armed one it kills the process or cuts the future.
#[derive(Default)]
pub struct Boundary {
    executed: AtomicU64,
    kill_at: AtomicU64,
    cut_at: AtomicU64,
}

impl Boundary {
    /// Starts to count anew, acting on nothing.
    pub fn reset(&self) {
        self.executed.store(0, Ordering::SeqCst);
        self.kill_at.store(0, Ordering::SeqCst);
        self.cut_at.store(0, Ordering::SeqCst);
    }

    /// SIGKILLs this process right after statement number `n` (from 1) from now.
    pub fn kill_after(&self, n: u64) {
        self.reset();
        self.kill_at.store(n, Ordering::SeqCst);
    }

    /// Runs a future up to statement number `n` and unwinds it there; `None` when it was cut.
    pub async fn cut_after<F: Future>(&self, n: u64, future: F) -> Option<F::Output> {
        self.reset();
        self.cut_at.store(n, Ordering::SeqCst);
        let outcome = AssertUnwindSafe(future).catch_unwind().await;
        self.reset();
        match outcome {
            Ok(output) => Some(output),
            Err(cut) if cut.is::<Cut>() => None,
            Err(panic) => resume_unwind(panic),
        }
    }

    fn statement_executed(&self) {
        let n = self.executed.fetch_add(1, Ordering::SeqCst) + 1;
        if n == self.kill_at.load(Ordering::SeqCst) {
            kill_self();
        }
        if n == self.cut_at.load(Ordering::SeqCst) {
            resume_unwind(Box::new(Cut));
        }
    }
}

/// SIGKILLs this process; no destructor, no rollback, no flush runs.
pub fn kill_self() -> ! {
    let me = rustix::process::getpid();
    rustix::process::kill_process(me, rustix::process::Signal::KILL)
        .expect("a process may kill itself");
    loop {
        std::thread::park();
    }
}

/// Why a future unwinds.
struct Cut;

struct BoundaryLayer(Arc<Boundary>);

impl<S: Subscriber> Layer<S> for BoundaryLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            self.0.statement_executed();
        }
    }
}
