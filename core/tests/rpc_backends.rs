//! Where answers are kept: forgotten at last, and waited for when it is not there or does not answer.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use celerysalt::broker::MemoryBroker;
use celerysalt::clock::{SharedClock, SystemClock, new_id};
use celerysalt::event::{Envelope, Meta};
use celerysalt::handler::HandlerDef;
use celerysalt::publisher::{PublishOptions, Publisher};
use celerysalt::rpc::{
    Answer, CallError, HandlerAnswer, HandlerResult, MemoryResults, PendingAnswer, ResultBackend,
    ResultError, RpcClient, SharedResultBackend,
};
use celerysalt::testing::TestClock;
use celerysalt::worker::{Worker, WorkerError};
use futures::FutureExt;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;
use worker_support::def;

fn math() -> HandlerDef {
    HandlerDef {
        pattern: "math.#".to_owned(),
        ..def("math", |_| async { Ok(json!(2)) })
    }
}

/// A worker that ends with the test.
struct Service(JoinHandle<Result<(), WorkerError>>);

impl Drop for Service {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A service of one handler, whose worker does one thing at a time, and a client of it.
async fn serve(
    clock: SharedClock,
    handler: HandlerDef,
    results: SharedResultBackend,
) -> (RpcClient, Service) {
    let broker = Arc::new(MemoryBroker::default());
    let worker = Worker::builder(broker.clone(), "math")
        .clock(clock)
        .concurrency(1)
        .handlers([handler])
        .results(results.clone())
        .build()
        .unwrap();
    worker.declare().await.unwrap();
    let service = Service(tokio::spawn(worker.run(std::future::pending())));
    (
        RpcClient::new(Publisher::to_broker(broker), results),
        service,
    )
}

async fn ask(client: &RpcClient) -> Result<Value, CallError<Value>> {
    let (timeout, options) = (Duration::from_secs(60), PublishOptions::default());
    let asked = client.call_json("math.divide", None, json!({}), timeout, options);
    asked.await
}

fn request(clock: &TestClock) -> Envelope {
    Envelope {
        id: new_id(clock),
        topic: "math.divide".to_owned(),
        version: None,
        payload: json!({}),
        meta: Meta::default(),
    }
}

fn answer(n: i64) -> Answer {
    Answer::Completed(vec![HandlerAnswer {
        handler: "math".to_owned(),
        result: HandlerResult::Success(json!(n)),
    }])
}

#[tokio::test]
async fn an_answer_that_nobody_fetches_is_forgotten_after_a_day() {
    let clock = TestClock::new();
    let results = MemoryResults::new(Arc::new(clock.clone()));
    let old = request(&clock);
    results.store(&old, &answer(1)).await.unwrap();
    clock.advance(Duration::from_secs(86_401));
    results.store(&request(&clock), &answer(2)).await.unwrap();
    let pending = results.expect(old.id).await.unwrap();
    assert!(pending.now_or_never().is_none());
}

/// A backend that is not there for the first tries to store.
struct Restarting {
    inner: MemoryResults,
    down_for: AtomicU32,
}

#[async_trait::async_trait]
impl ResultBackend for Restarting {
    async fn expect(&self, request: Uuid) -> Result<PendingAnswer, ResultError> {
        self.inner.expect(request).await
    }

    async fn store(&self, request: &Envelope, answer: &Answer) -> Result<(), ResultError> {
        let left = |left: u32| left.checked_sub(1);
        let down = self
            .down_for
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left);
        match down {
            Ok(_) => Err(ResultError::Unreachable {
                reason: "it starts".to_owned(),
            }),
            Err(_) => self.inner.store(request, answer).await,
        }
    }
}

#[tokio::test]
async fn an_answer_is_kept_while_the_backend_starts_again() {
    let results = Arc::new(Restarting {
        inner: MemoryResults::default(),
        down_for: AtomicU32::new(4),
    });
    let (client, _service) = serve(Arc::new(SystemClock), math(), results.clone()).await;
    let result = ask(&client).await;
    assert_eq!(result.unwrap(), 2);
    assert_eq!(results.down_for.load(Ordering::SeqCst), 0);
}

/// A backend that takes small answers alone.
struct Small {
    inner: MemoryResults,
    tries: AtomicU32,
}

#[async_trait::async_trait]
impl ResultBackend for Small {
    async fn expect(&self, request: Uuid) -> Result<PendingAnswer, ResultError> {
        self.inner.expect(request).await
    }

    async fn store(&self, request: &Envelope, answer: &Answer) -> Result<(), ResultError> {
        self.tries.fetch_add(1, Ordering::SeqCst);
        let bytes = answer.to_celery(&request.topic).to_string().len();
        if bytes > 1_000 {
            let reason = "it takes 1000; answer with less".to_owned();
            return Err(ResultError::TooLarge { bytes, reason });
        }
        self.inner.store(request, answer).await
    }
}

#[tokio::test]
async fn an_answer_that_can_never_be_stored_is_told_to_its_caller_at_once() {
    let results = Arc::new(Small {
        inner: MemoryResults::default(),
        tries: AtomicU32::new(0),
    });
    let large = HandlerDef {
        pattern: "math.#".to_owned(),
        ..def("large", |_| async { Ok(json!("x".repeat(5_000))) })
    };
    // Nobody advances the clock, so nothing is tried again.
    let (client, _service) = serve(Arc::new(TestClock::new()), large, results.clone()).await;
    let told = tokio::time::timeout(Duration::from_secs(60), ask(&client)).await;
    match told.unwrap() {
        Err(CallError::HandlerFailed { handler, error }) => {
            assert_eq!(handler, "large");
            let (begin, end) = ("an answer of 5", "it takes 1000; answer with less");
            assert!(error.starts_with(begin) && error.ends_with(end), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(results.tries.load(Ordering::SeqCst), 2);
}

/// A backend that does not answer the first try to store.
struct Stuck {
    inner: MemoryResults,
    tries: AtomicU32,
}

#[async_trait::async_trait]
impl ResultBackend for Stuck {
    async fn expect(&self, request: Uuid) -> Result<PendingAnswer, ResultError> {
        self.inner.expect(request).await
    }

    async fn store(&self, request: &Envelope, answer: &Answer) -> Result<(), ResultError> {
        if self.tries.fetch_add(1, Ordering::SeqCst) == 0 {
            std::future::pending::<()>().await;
        }
        self.inner.store(request, answer).await
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_stored_holds_its_place_for_a_bounded_time() {
    let results = Arc::new(Stuck {
        inner: MemoryResults::default(),
        tries: AtomicU32::new(0),
    });
    let clock = TestClock::new();
    let (client, _service) = serve(Arc::new(clock.clone()), math(), results).await;
    let mut unanswered = std::pin::pin!(ask(&client));
    tokio::select! {
        answer = &mut unanswered => panic!("{answer:?}"),
        () = clock.until_sleepers(1) => {}
    }
    assert_eq!(clock.advance_to_next(), Some(Duration::from_secs(10)));
    assert_eq!(ask(&client).await.unwrap(), 2);
}
