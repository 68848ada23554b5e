//! Statement boundaries: counts the SQL statements that this process executes and acts at one of them.
//!
//! sqlx (and SeaORM over it) reports each to `tracing` under the target `sqlx::query`, on SQLite from sqlx's own
//! thread. Diesel and diesel-async report to the instrumentation that every new connection gets.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

static BOUNDARY: Boundary = Boundary {
    count: AtomicU64::new(0),
    kill_at: AtomicU64::new(0),
    unwind_at: AtomicU64::new(0),
};

/// Installs the counter of this process. Call once, before anything is connected.
pub fn install() -> &'static Boundary {
    let subscriber = tracing_subscriber::registry().with(Sqlx);
    tracing::subscriber::set_global_default(subscriber)
        .expect("the counter is installed once a process");
    set_default_instrumentation(|| Some(Box::new(Diesel)))
        .expect("no connection is being made yet");
    &BOUNDARY
}

/// Counts executed statements; at the armed one it kills the process or unwinds.
pub struct Boundary {
    count: AtomicU64,
    kill_at: AtomicU64,
    unwind_at: AtomicU64,
}

impl Boundary {
    /// Starts to count anew, acting on nothing.
    pub fn reset(&self) {
        self.kill_at.store(0, Ordering::SeqCst);
        self.unwind_at.store(0, Ordering::SeqCst);
        self.count.store(0, Ordering::SeqCst);
    }

    /// How many statements were executed since the reset.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// SIGKILLs this process right after statement number `n` (from 1) from now.
    pub fn kill_after(&self, n: u64) {
        self.reset();
        self.kill_at.store(n, Ordering::SeqCst);
    }

    /// Runs a save up to place number `n` (from 1) and cuts it off there; `None` when it was cut.
    ///
    /// A future can be dropped wherever it waits: that is where it is. One that blocks its thread cannot be dropped: it
    /// is unwound from a statement.
    pub async fn cut_off<F: Future>(&self, n: u64, blocks: bool, save: F) -> Option<F::Output> {
        self.reset();
        self.unwind_at
            .store(if blocks { n } else { 0 }, Ordering::SeqCst);
        let mut waits = 0;
        let mut save = pin!(save);
        let outcome = std::future::poll_fn(|cx| {
            match catch_unwind(AssertUnwindSafe(|| save.as_mut().poll(cx))) {
                Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
                Ok(Poll::Pending) => {
                    waits += 1;
                    if waits == n {
                        Poll::Ready(None)
                    } else {
                        Poll::Pending
                    }
                }
                Err(cut) if cut.is::<Cut>() => Poll::Ready(None),
                Err(panic) => resume_unwind(panic),
            }
        });
        let outcome = outcome.await;
        self.reset();
        outcome
    }

    /// The settings of a new connection do not count: when a pool makes one is its own affair.
    fn executed(&self, sql: &str) {
        if ["PRAGMA", "SET"].iter().any(|word| sql.starts_with(word)) {
            return;
        }
        let n = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        if n == self.kill_at.load(Ordering::SeqCst) {
            kill_self();
        }
        if n == self.unwind_at.load(Ordering::SeqCst) {
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

/// Why a save unwinds.
struct Cut;

struct Sqlx;

impl<S: Subscriber> Layer<S> for Sqlx {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            event.record(&mut Summary);
        }
    }
}

/// The first words of a statement.
struct Summary;

impl Visit for Summary {
    fn record_str(&mut self, field: &Field, text: &str) {
        if field.name() == "summary" {
            BOUNDARY.executed(text);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

struct Diesel;

impl Instrumentation for Diesel {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::FinishQuery { query, .. } = event {
            BOUNDARY.executed(&query.to_string());
        }
    }
}
