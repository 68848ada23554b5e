//! A relay under test: its outbox, a broker that refuses, a store that fails.
#![allow(dead_code, unreachable_pub)] // compiled into two test programs, each of which uses its part

pub mod flaky;
pub mod picky;

use std::sync::Arc;
use std::time::Duration;

use celerysalt::clock::Clock;
use celerysalt::event::Envelope;
use celerysalt::outbox::conformance::event;
use celerysalt::outbox::{Backoff, Destination, MemoryOutbox, OutboxStatus, OutboxStore, Relay};
use celerysalt::testing::TestClock;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub const LEASE: Duration = Duration::from_secs(30);
pub const SECOND: Duration = Duration::from_secs(1);
pub const PLAIN: Backoff = Backoff {
    first: SECOND,
    max: Duration::from_secs(60),
    jitter: false,
};

/// A relay under test, with the outbox behind it.
pub struct Bench {
    pub clock: TestClock,
    pub outbox: MemoryOutbox,
}

impl Bench {
    pub async fn with(aggregates: &[&str]) -> Self {
        let (clock, outbox) = (TestClock::new(), MemoryOutbox::new());
        let events: Vec<_> = (1..).zip(aggregates).map(|(n, a)| event(a, n)).collect();
        outbox.append(&events, clock.now()).await.unwrap();
        Self { clock, outbox }
    }

    pub fn relay(&self, destination: impl Destination) -> Relay {
        self.relay_on(Arc::new(self.outbox.clone()), destination)
    }

    pub fn relay_on(&self, store: Arc<dyn OutboxStore>, destination: impl Destination) -> Relay {
        Relay::builder(store, Arc::new(destination))
            .clock(Arc::new(self.clock.clone()))
            .backoff(PLAIN)
            .lease(LEASE)
            .build()
    }

    pub async fn status(&self) -> OutboxStatus {
        self.outbox.status().await.unwrap()
    }

    /// Lets tasks run, then moves time on by steps, until it is so.
    pub async fn until(&self, step: Duration, so: impl AsyncFn() -> bool) {
        for _ in 0..5_000 {
            settle_down().await;
            if so().await {
                return;
            }
            self.clock.advance(step);
        }
        panic!("it never came to be so");
    }
}

/// Lets every task of this thread come to its next wait.
pub async fn settle_down() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

pub fn start(relay: Relay) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(async move {
        relay
            .run(async {
                let _ = stopped.await;
            })
            .await;
    });
    (stop, running)
}

pub fn numbers<'a>(events: impl IntoIterator<Item = &'a Envelope>) -> Vec<u64> {
    let number = |e: &Envelope| e.payload["number"].as_u64().unwrap();
    events.into_iter().map(number).collect()
}
