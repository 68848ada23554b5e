//! The conformance kit of the result backend port: what every backend promises to callers, as cases to run against it.
//!
//! ```
//! # use std::sync::Arc;
//! # use celerysalt::rpc::{MemoryResults, SharedResultBackend, conformance::Subject};
//! struct Mine(MemoryResults);
//!
//! impl Subject for Mine {
//!     async fn fresh() -> Self { Self(MemoryResults::default()) }
//!     fn caller(&self) -> SharedResultBackend { Arc::new(self.0.clone()) }
//!     fn worker(&self) -> SharedResultBackend { Arc::new(self.0.clone()) }
//!     async fn close(self) {}
//! }
//!
//! celerysalt::results_conformance!(Mine);
//! # fn main() {}
//! ```
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::future::Future;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, HandlerAnswer, HandlerResult, Mismatch, PendingAnswer, SharedResultBackend};
use crate::event::{Envelope, Meta};

/// How long a case waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A backend for one case.
pub trait Subject: Sized {
    /// Makes it.
    fn fresh() -> impl Future<Output = Self>;
    /// The backend in the process that asks.
    fn caller(&self) -> SharedResultBackend;
    /// The backend in the process that answers.
    fn worker(&self) -> SharedResultBackend;
    /// Cleans up.
    fn close(self) -> impl Future<Output = ()>;
}

/// Makes a test of every case, for a [`Subject`]; of all but the last for a backend that only carries answers, and keeps
/// none.
#[macro_export]
macro_rules! results_conformance {
    ($subject:ty) => {
        $crate::results_conformance!($subject: carries);
        $crate::results_conformance!($subject: an_answer_that_is_there_already_is_found);
    };
    ($subject:ty: carries) => {
        $crate::results_conformance!($subject:
            an_answer_comes_whole, an_answer_before_the_first_poll_is_not_missed, the_first_answer_counts,
            many_at_once_are_kept_apart, who_waits_no_more_is_in_nobodys_way,
        );
    };
    ($subject:ty: $($case:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            use $crate::rpc::conformance::Subject;
            let subject = <$subject>::fresh().await;
            $crate::rpc::conformance::$case(&subject).await;
            subject.close().await;
        }
    )*};
}

pub async fn an_answer_comes_whole(subject: &impl Subject) {
    let mismatch = || Mismatch {
        pointer: "/items/0".to_owned(),
        reason: "is no number".to_owned(),
    };
    let results = [
        HandlerResult::Success(
            json!({"text": "Zoë 🧂 \u{0} \" 漢字", "none": null, "whole": [i64::MIN, u64::MAX]}),
        ),
        HandlerResult::Success(json!("x".repeat(100_000))),
        HandlerResult::Success(Value::Null),
        HandlerResult::Declared(json!({"error_code": "NO", "error_message": "no"})),
        HandlerResult::Error("smtp is down".to_owned()),
        HandlerResult::InvalidRequest(mismatch()),
        HandlerResult::InvalidResponse(mismatch()),
    ];
    let name = |result| HandlerAnswer {
        handler: "shop::add".to_owned(),
        result,
    };
    for answer in [
        Answer::Completed(results.map(name).to_vec()),
        Answer::NoHandlers,
    ] {
        let (request, pending) = expect(subject).await;
        let worker = subject.worker();
        let (found, stored) = tokio::join!(within(pending), worker.store(&request, &answer));
        stored.unwrap();
        assert_eq!(found, answer);
    }
}

pub async fn an_answer_before_the_first_poll_is_not_missed(subject: &impl Subject) {
    let (request, pending) = expect(subject).await;
    store(subject, &request, 1).await;
    assert_eq!(within(pending).await, answer(1));
}

pub async fn the_first_answer_counts(subject: &impl Subject) {
    let (request, pending) = expect(subject).await;
    store(subject, &request, 1).await;
    store(subject, &request, 2).await;
    assert_eq!(within(pending).await, answer(1));
}

pub async fn many_at_once_are_kept_apart(subject: &impl Subject) {
    let waiting = join_all((0..200).map(|_| expect(subject))).await;
    let stored = waiting.iter().rev().zip(0..);
    join_all(stored.map(|((request, _), n)| store(subject, request, n))).await;
    for ((_, pending), n) in waiting.into_iter().rev().zip(0..) {
        assert_eq!(within(pending).await, answer(n));
    }
}

pub async fn who_waits_no_more_is_in_nobodys_way(subject: &impl Subject) {
    let (gone, pending) = expect(subject).await;
    let (other, waiting) = expect(subject).await;
    drop(pending);
    store(subject, &gone, 1).await;
    store(subject, &other, 2).await;
    assert_eq!(within(waiting).await, answer(2));
}

pub async fn an_answer_that_is_there_already_is_found(subject: &impl Subject) {
    let caller = subject.caller();
    let request = request(&caller);
    store(subject, &request, 1).await;
    store(subject, &request, 2).await;
    let pending = caller.expect(request.id).await.unwrap();
    assert_eq!(within(pending).await, answer(1));
}

fn request(caller: &SharedResultBackend) -> Envelope {
    Envelope {
        id: Uuid::now_v7(),
        topic: "math.add".to_owned(),
        version: None,
        payload: json!({}),
        meta: Meta {
            is_rpc: true,
            reply_to: caller.reply_to(),
            ..Meta::default()
        },
    }
}

async fn expect(subject: &impl Subject) -> (Envelope, PendingAnswer) {
    let caller = subject.caller();
    let request = request(&caller);
    let pending = caller.expect(request.id).await.unwrap();
    (request, pending)
}

async fn store(subject: &impl Subject, request: &Envelope, n: i64) {
    let stored = subject.worker().store(request, &answer(n)).await;
    stored.unwrap();
}

fn answer(n: i64) -> Answer {
    Answer::Completed(vec![HandlerAnswer {
        handler: "add".to_owned(),
        result: HandlerResult::Success(json!(n)),
    }])
}

async fn within(pending: PendingAnswer) -> Answer {
    let found = tokio::time::timeout(PATIENCE, pending).await;
    found.expect("the answer comes in time").unwrap()
}
