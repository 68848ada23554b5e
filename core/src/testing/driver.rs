//! Polls a worker until it has nothing to do.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use async_trait::async_trait;
use futures::future::BoxFuture;
use serde_json::Value;

use super::clock::notice_sleep;
use crate::handler::{self, Handler, HandlerError, StateMap};

/// A future that runs only while somebody waits for it to become idle.
pub(super) struct Driver {
    future: BoxFuture<'static, ()>,
    woken: Arc<Woken>,
    busy: Arc<Busy>,
}

/// Handlers that wait for something other than the test clock: real I/O, another task.
#[derive(Default)]
pub(super) struct Busy(AtomicUsize);

impl Driver {
    pub(super) fn new(future: BoxFuture<'static, ()>, busy: Arc<Busy>) -> Self {
        Self {
            future,
            woken: Arc::default(),
            busy,
        }
    }

    /// Ends when the future waits for nothing but the clock and new events.
    pub(super) async fn until_idle(&mut self) {
        poll_fn(|cx| self.poll_idle(cx)).await;
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.woken.arm(cx.waker());
        let waker = Waker::from(Arc::clone(&self.woken));
        let polled = self.future.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            panic!("the test bus's worker has ended; is its queue declared with other arguments?");
        }
        if self.woken.is_woken() {
            // Over the runtime, so that other tasks get their turn.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match self.busy.0.load(Ordering::SeqCst) {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

/// Remembers that it was woken, and wakes who drives.
#[derive(Default)]
struct Woken {
    woken: AtomicBool,
    driver: Mutex<Option<Waker>>,
}

impl Woken {
    fn arm(&self, driver: &Waker) {
        *self.driver.lock().unwrap_or_else(PoisonError::into_inner) = Some(driver.clone());
        self.woken.store(false, Ordering::SeqCst);
    }

    fn is_woken(&self) -> bool {
        self.woken.load(Ordering::SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        let driver = self
            .driver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

/// A handler that tells whether it waits for the clock or for something else.
pub(super) struct Watched {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) busy: Arc<Busy>,
}

#[async_trait]
impl Handler for Watched {
    async fn call(&self, cx: handler::Context) -> Result<Value, HandlerError> {
        let watched = WatchedCall {
            call: self.handler.call(cx),
            busy: &self.busy,
            counted: false,
        };
        watched.await
    }

    fn missing_state(&self, state: &StateMap) -> Vec<&'static str> {
        self.handler.missing_state(state)
    }
}

struct WatchedCall<'a> {
    call: BoxFuture<'a, Result<Value, HandlerError>>,
    busy: &'a Busy,
    counted: bool,
}

impl WatchedCall<'_> {
    fn count(&mut self, busy: bool) {
        match (self.counted, busy) {
            (false, true) => self.busy.0.fetch_add(1, Ordering::SeqCst),
            (true, false) => self.busy.0.fetch_sub(1, Ordering::SeqCst),
            _ => return,
        };
        self.counted = busy;
    }
}

impl Future for WatchedCall<'_> {
    type Output = Result<Value, HandlerError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (polled, slept) = notice_sleep(|| self.call.as_mut().poll(cx));
        self.count(polled.is_pending() && !slept);
        polled
    }
}

impl Drop for WatchedCall<'_> {
    fn drop(&mut self) {
        self.count(false);
    }
}
