//! The events that are being handled: each on a task of its own, or all inside the worker's.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::task::JoinHandle;

/// Where handlers run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Placement {
    /// Each event on a tokio task: on all cores.
    Spawned,
    /// Inside the worker's own future: whoever polls it decides when anything happens (tests).
    Inline,
}

/// Running tasks. Dropping them stops them.
pub(super) struct Tasks {
    placement: Placement,
    running: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl Tasks {
    pub(super) fn new(placement: Placement) -> Self {
        Self {
            placement,
            running: FuturesUnordered::new(),
        }
    }

    pub(super) fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.running.push(match self.placement {
            Placement::Inline => Box::pin(task),
            Placement::Spawned => Box::pin(Spawned(tokio::spawn(task))),
        });
    }

    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// Ends when one of them has ended; at once when there is none.
    pub(super) async fn one_ended(&mut self) {
        self.running.next().await;
    }

    /// Ends when all have ended.
    pub(super) async fn all_ended(&mut self) {
        while self.running.next().await.is_some() {}
    }
}

struct Spawned(JoinHandle<()>);

impl Future for Spawned {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(|ended| {
            if let Err(error) = ended {
                // Handlers' panics are caught earlier: this is one of a broker adapter's.
                tracing::error!(%error, "a delivery's task died; the broker gives the event out again");
            }
        })
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        self.0.abort();
    }
}
