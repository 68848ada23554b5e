//! The conformance kit of the outbox port: what every store must do, as cases to run against it.
//!
//! In a test program of your adapter:
//!
//! ```
//! # use std::sync::Arc;
//! # use celerysalt::outbox::{DeadLetterStore, MemoryOutbox, SharedOutbox, conformance::Subject};
//! struct Mine(MemoryOutbox);
//!
//! impl Subject for Mine {
//!     async fn fresh() -> Self { Self(MemoryOutbox::new()) }
//!     fn store(&self) -> SharedOutbox { Arc::new(self.0.clone()) }
//!     fn dead(&self) -> Arc<dyn DeadLetterStore> { Arc::new(self.0.clone()) }
//!     async fn close(self) {}
//! }
//!
//! celerysalt::outbox_conformance!(Mine);
//! # fn main() {}
//! ```
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod letters;
mod oldest;
mod relays;
mod retries;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    DeadLetterStore, HandlerProgress, OutboxEvent, OutboxStatus, Progress, QUARANTINE_AFTER,
    Settlement, SharedOutbox,
};
use crate::broker::{DeadReason, DeadSelection};
use crate::event::{Envelope, Meta};

pub use letters::{
    replays_dead_letters_to_their_handler, replays_into_an_open_event, settles_with_dead_letters,
};
pub use oldest::tells_the_oldest_that_is_open;
pub use relays::relays_side_by_side_keep_order;
pub use retries::{retries_what_waits_at_once, retries_what_was_given_up};

/// A fresh store for one case.
pub trait Subject: Sized {
    /// Makes an empty store.
    fn fresh() -> impl Future<Output = Self>;
    /// The store.
    fn store(&self) -> SharedOutbox;
    /// Its dead letters.
    fn dead(&self) -> Arc<dyn DeadLetterStore>;
    /// Cleans up.
    fn close(self) -> impl Future<Output = ()>;
}

/// Makes a test of every case, for a [`Subject`].
#[macro_export]
macro_rules! outbox_conformance {
    ($subject:ty) => {
        $crate::outbox_conformance!($subject:
            append_is_idempotent, hands_out_in_order, envelopes_come_back_whole,
            a_claim_ends_with_its_lease, a_renewed_claim_lasts, a_released_claim_is_free_at_once,
            a_waiting_head_holds_back_its_aggregate_only, a_claimed_head_holds_back_its_aggregate_only,
            unroutable_holds_back_nothing, settles_with_dead_letters, a_lost_claim_settles_nothing,
            progress_survives, purges_what_is_old_and_delivered, counts_by_state,
            a_crasher_ends_up_alone, tells_what_becomes_due, tells_the_oldest_that_is_open, replays_dead_letters_to_their_handler,
            replays_into_an_open_event, relays_side_by_side_keep_order,
            retries_what_waits_at_once, retries_what_was_given_up,
        );
    };
    ($subject:ty: $($case:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            use $crate::outbox::conformance::Subject;
            let subject = <$subject>::fresh().await;
            $crate::outbox::conformance::$case(subject.store(), subject.dead()).await;
            subject.close().await;
        }
    )*};
}

const LEASE: Duration = Duration::from_secs(30);

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

fn after(seconds: i64) -> DateTime<Utc> {
    start() + TimeDelta::seconds(seconds)
}

/// An event of this aggregate (none when empty); its payload has this number.
pub fn event(aggregate: &str, number: u64) -> Envelope {
    Envelope {
        id: Uuid::now_v7(),
        topic: "order.paid".to_owned(),
        version: Some("v1".to_owned()),
        payload: serde_json::json!({"number": number}),
        meta: Meta {
            aggregate: Some(aggregate.to_owned()).filter(|a| !a.is_empty()),
            ..Meta::default()
        },
    }
}

fn numbers(events: &[OutboxEvent]) -> Vec<u64> {
    events.iter().map(number).collect()
}

fn number(event: &OutboxEvent) -> u64 {
    event.envelope.payload["number"].as_u64().unwrap()
}

async fn fill(store: &SharedOutbox, aggregates: &[&str]) -> Vec<Envelope> {
    let events: Vec<_> = (1..).zip(aggregates).map(|(n, a)| event(a, n)).collect();
    store.append(&events, start()).await.unwrap();
    events
}

async fn claim(store: &SharedOutbox, limit: usize, now: DateTime<Utc>) -> Vec<OutboxEvent> {
    store.claim(limit, now, LEASE).await.unwrap()
}

fn again(at: DateTime<Utc>) -> Settlement {
    Settlement::Again {
        at,
        error: "not now".to_owned(),
        progress: Progress::default(),
        dead: Vec::new(),
        counts: true,
    }
}

fn delivered() -> Settlement {
    Settlement::Delivered { dead: Vec::new() }
}

fn dead(handler: &str) -> DeadReason {
    DeadReason {
        handler: Some(handler.to_owned()),
        attempts: 4,
        error: "no such customer".to_owned(),
    }
}

async fn settle(
    store: &SharedOutbox,
    event: &OutboxEvent,
    settlement: Settlement,
    now: DateTime<Utc>,
) {
    let settled = [(event.clone(), settlement)];
    store.settle(&settled, now).await.unwrap();
}

pub async fn append_is_idempotent(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    let events = fill(&store, &["", "", ""]).await;
    store.append(&events[1..], after(5)).await.unwrap();
    let twice = [events[0].clone(), event("", 4)];
    store.append(&twice, after(5)).await.unwrap();
    store.append(&[], after(5)).await.unwrap();
    assert_eq!(
        numbers(&claim(&store, 10, after(9)).await),
        [1, 2, 3, 4],
        "each once"
    );
}

pub async fn hands_out_in_order(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    fill(&store, &["a", "b", "", "a", "b"]).await;
    assert_eq!(numbers(&claim(&store, 3, start()).await), [1, 2, 3]);
    assert_eq!(
        numbers(&claim(&store, 3, start()).await),
        [0_u64; 0],
        "the rest waits behind what is held"
    );
}

pub async fn envelopes_come_back_whole(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    let mut whole = event("order:1", 1);
    whole.payload = serde_json::json!({"text": "ä\n\"'", "big": u64::MAX, "list": [null, 1.5]});
    whole.meta.chain.depth = 3;
    whole.meta.priority = Some(7);
    whole.meta.eta = Some(after(60));
    let mut bare = event("", 2);
    bare.version = None;
    let sent = [whole, bare];
    store.append(&sent, start()).await.unwrap();
    let claimed = claim(&store, 10, after(1)).await;
    let envelopes: Vec<_> = claimed.iter().map(|e| e.envelope.clone()).collect();
    assert_eq!(envelopes, sent);
    assert_eq!(claimed[0].created_at, start());
    assert_eq!((claimed[0].attempts, claimed[0].lost_claims), (0, 0));
}

pub async fn a_claim_ends_with_its_lease(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    fill(&store, &[""]).await;
    let first = claim(&store, 1, start()).await;
    assert_eq!(claim(&store, 1, after(29)).await, []);
    let second = claim(&store, 1, after(30)).await;
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first[0].token, second[0].token);
    assert_eq!(second[0].lost_claims, 1);
}

pub async fn a_renewed_claim_lasts(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    fill(&store, &[""]).await;
    let held = claim(&store, 1, start()).await[0].claim();
    store.renew(&[held], after(20), LEASE).await.unwrap();
    assert_eq!(claim(&store, 1, after(49)).await, []);
    assert_eq!(claim(&store, 1, after(50)).await.len(), 1);
    store.renew(&[held], after(51), LEASE).await.unwrap();
    assert_eq!(
        claim(&store, 1, after(80)).await.len(),
        1,
        "a lost claim prolongs nothing"
    );
}

pub async fn a_released_claim_is_free_at_once(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    fill(&store, &["a", "a"]).await;
    let held: Vec<_> = claim(&store, 2, start())
        .await
        .iter()
        .map(OutboxEvent::claim)
        .collect();
    store.release(&held).await.unwrap();
    let again = claim(&store, 2, start()).await;
    assert_eq!(numbers(&again), [1, 2]);
    assert_eq!((again[0].attempts, again[0].lost_claims), (0, 0));
    store.release(&held).await.unwrap();
    assert_eq!(
        claim(&store, 2, start()).await,
        [],
        "a lost claim releases nothing"
    );
}

pub async fn a_waiting_head_holds_back_its_aggregate_only(
    store: SharedOutbox,
    _: Arc<dyn DeadLetterStore>,
) {
    fill(&store, &["a", "a", "b", "", ""]).await;
    let head = claim(&store, 1, start()).await;
    settle(&store, &head[0], again(after(10)), start()).await;
    let rest = claim(&store, 10, after(9)).await;
    assert_eq!(numbers(&rest), [3, 4, 5]);
    let due = claim(&store, 10, after(10)).await;
    assert_eq!(numbers(&due), [1, 2], "in order, in one claim");
    assert_eq!((due[0].attempts, due[1].attempts), (1, 0));
}

pub async fn a_claimed_head_holds_back_its_aggregate_only(
    store: SharedOutbox,
    _: Arc<dyn DeadLetterStore>,
) {
    fill(&store, &["a", "a", "b"]).await;
    let head = claim(&store, 1, start()).await;
    assert_eq!(numbers(&claim(&store, 10, start()).await), [3]);
    settle(&store, &head[0], delivered(), start()).await;
    assert_eq!(numbers(&claim(&store, 10, start()).await), [2]);
}

pub async fn unroutable_holds_back_nothing(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    fill(&store, &["a", "a"]).await;
    let head = claim(&store, 1, start()).await;
    let wait = Settlement::Unroutable { at: after(60) };
    settle(&store, &head[0], wait.clone(), after(1)).await;
    assert_eq!(numbers(&claim(&store, 10, after(2)).await), [2]);
    let head = claim(&store, 1, after(60)).await;
    assert_eq!(numbers(&head), [1]);
    assert_eq!(head[0].unroutable_since, Some(after(1)));
    settle(&store, &head[0], wait, after(61)).await;
    let head = claim(&store, 1, after(62)).await;
    assert_eq!(
        head[0].unroutable_since,
        Some(after(1)),
        "since the first time"
    );
    settle(&store, &head[0], Settlement::Unrouted, after(63)).await;
    let status = store.status().await.unwrap();
    assert_eq!(
        (status.unrouted, status.unroutable, status.pending),
        (1, 0, 1)
    );
}

pub async fn a_lost_claim_settles_nothing(store: SharedOutbox, letters: Arc<dyn DeadLetterStore>) {
    fill(&store, &[""]).await;
    let lost = claim(&store, 1, start()).await;
    let held = claim(&store, 1, after(31)).await;
    let outcome = Settlement::Delivered {
        dead: vec![dead("mail")],
    };
    settle(&store, &lost[0], outcome, after(32)).await;
    assert_eq!(store.status().await.unwrap().pending, 1);
    let found = letters.dead_letters(&DeadSelection::All, 10).await.unwrap();
    assert_eq!(found, [], "nor are its dead letters stored");
    settle(&store, &held[0], delivered(), after(32)).await;
    assert_eq!(store.status().await.unwrap().delivered, 1);
}

pub async fn progress_survives(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    fill(&store, &[""]).await;
    let held = claim(&store, 1, start()).await;
    let progress = Progress(BTreeMap::from([
        ("mail".to_owned(), HandlerProgress::Done),
        (
            "audit".to_owned(),
            HandlerProgress::Retry {
                retries: 2,
                at: after(5),
            },
        ),
    ]));
    let outcome = Settlement::Again {
        at: after(5),
        error: "audit failed".to_owned(),
        progress: progress.clone(),
        dead: Vec::new(),
        counts: false,
    };
    settle(&store, &held[0], outcome, start()).await;
    let held = claim(&store, 1, after(5)).await;
    assert_eq!(held[0].progress, progress);
    assert_eq!(held[0].attempts, 0, "counts: false");
}

pub async fn purges_what_is_old_and_delivered(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    let events = fill(&store, &["", "", "", ""]).await;
    let held = claim(&store, 3, start()).await;
    settle(&store, &held[0], delivered(), after(10)).await;
    settle(&store, &held[1], Settlement::Unrouted, after(10)).await;
    settle(&store, &held[2], delivered(), after(20)).await;
    assert_eq!(store.purge(after(10)).await.unwrap(), 0);
    assert_eq!(store.purge(after(11)).await.unwrap(), 2);
    store.append(&events[2..3], after(30)).await.unwrap();
    assert_eq!(
        numbers(&claim(&store, 10, after(30)).await),
        [4],
        "a kept event is known"
    );
    let status = store.status().await.unwrap();
    assert_eq!((status.pending, status.delivered), (1, 1));
}

pub async fn counts_by_state(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    assert_eq!(store.status().await.unwrap(), OutboxStatus::default());
    fill(&store, &["", "", "", "", ""]).await;
    let held = claim(&store, 4, start()).await;
    let outcomes = [
        Settlement::Delivered {
            dead: vec![dead("mail")],
        },
        again(after(1)),
        Settlement::Unroutable { at: after(1) },
        Settlement::Unrouted,
    ];
    let settled: Vec<_> = held.into_iter().zip(outcomes).collect();
    store.settle(&settled, start()).await.unwrap();
    let expected = OutboxStatus {
        pending: 3,
        retrying: 2,
        unroutable: 1,
        unrouted: 1,
        delivered: 1,
        dead: 1,
        oldest: Some(start()),
    };
    assert_eq!(store.status().await.unwrap(), expected);
}

pub async fn a_crasher_ends_up_alone(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    fill(&store, &["", "", ""]).await;
    let mut now = start();
    for crash in 0..QUARANTINE_AFTER {
        let held = claim(&store, 2, now).await;
        assert_eq!(numbers(&held), [1, 2]);
        assert_eq!(held[0].lost_claims, crash);
        now += TimeDelta::seconds(60);
    }
    let alone = claim(&store, 10, now).await;
    assert_eq!(numbers(&alone), [1]);
    assert_eq!(alone[0].lost_claims, QUARANTINE_AFTER);
    let next = claim(&store, 10, now).await;
    assert_eq!(numbers(&next), [2], "under the same suspicion");
    settle(&store, &next[0], again(now), now).await;
    let rest = claim(&store, 10, now).await;
    assert_eq!(numbers(&rest), [2, 3], "cleared by coming back");
}

pub async fn tells_what_becomes_due(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    assert_eq!(store.next_due(start()).await.unwrap(), None);
    fill(&store, &["", ""]).await;
    assert_eq!(store.next_due(start()).await.unwrap(), None, "due already");
    let held = claim(&store, 2, start()).await;
    assert_eq!(store.next_due(start()).await.unwrap(), Some(after(30)));
    settle(&store, &held[0], again(after(10)), start()).await;
    assert_eq!(store.next_due(start()).await.unwrap(), Some(after(10)));
    settle(&store, &held[1], delivered(), start()).await;
    assert_eq!(store.next_due(after(10)).await.unwrap(), None);
}
