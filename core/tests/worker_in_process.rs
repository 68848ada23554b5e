//! In-process delivery of outbox events: progress, order of an aggregate, settlements.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_support;

use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::DeadSelection;
use celerysalt::clock::{Clock, new_id};
use celerysalt::event::{Envelope, Meta};
use celerysalt::handler::{HandlerDef, HandlerError, RateLimit, VersionSpec};
use celerysalt::outbox::{
    DeadLetterStore, Destination, HandlerProgress, LOST_CLAIMS_LIMIT, MemoryOutbox, OutboxEvent,
    OutboxStore, Relay, Settlement,
};
use celerysalt::publisher::{Publish, Publisher};
use celerysalt::testing::TestClock;
use celerysalt::worker::InProcess;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use uuid::Uuid;
use worker_support::{Log, def, failed, paid, with};

struct Bench {
    clock: TestClock,
    to: InProcess,
}

impl Bench {
    fn new(handlers: impl IntoIterator<Item = HandlerDef>) -> Self {
        let clock = TestClock::new();
        let to = InProcess::builder()
            .clock(Arc::new(clock.clone()))
            .handlers(handlers)
            .concurrency(2)
            .build()
            .unwrap();
        Self { clock, to }
    }

    fn event(&self, order: u64, aggregate: Option<&str>) -> OutboxEvent {
        let envelope = Envelope {
            id: new_id(&self.clock),
            topic: "order.paid".to_owned(),
            version: Some("v1".to_owned()),
            payload: json!({"order_id": order}),
            meta: Meta {
                aggregate: aggregate.map(str::to_owned),
                ..Meta::default()
            },
        };
        OutboxEvent::new(envelope, self.clock.now(), Uuid::nil())
    }

    async fn one(&self, event: OutboxEvent) -> Settlement {
        self.to.deliver(vec![event]).await.remove(0)
    }

    fn at(&self, seconds: i64) -> DateTime<Utc> {
        self.clock.now() + TimeDelta::seconds(seconds)
    }
}

const DELIVERED: Settlement = Settlement::Delivered { dead: Vec::new() };

fn fails_for(order: u64, log: &Log) -> HandlerDef {
    let log = log.clone();
    def("mail", move |cx| {
        let log = log.clone();
        async move {
            let this = cx.envelope.payload["order_id"].as_u64().unwrap();
            log.write(format!("mail {this} try {}", cx.retries));
            match this == order {
                true => Err(failed(true)),
                false => Ok(Value::Null),
            }
        }
    })
}

#[tokio::test]
async fn only_the_handler_that_failed_runs_again_also_after_a_restart() {
    let (log, other) = (Log::default(), Log::default());
    let bench = Bench::new([fails_for(7, &log), other.handler("bill")]);
    let mut event = bench.event(7, None);
    for retries in 1..=3 {
        let settlement = bench.one(event.clone()).await;
        let Settlement::Again {
            at,
            error,
            progress,
            dead,
            counts,
        } = settlement
        else {
            panic!("{settlement:?}");
        };
        assert_eq!((at, &*error, counts), (bench.at(180), "smtp is down", true));
        assert!(dead.is_empty());
        assert_eq!(progress.0["bill"], HandlerProgress::Done);
        assert_eq!(progress.0["mail"], HandlerProgress::Retry { retries, at });
        // What the store keeps is all that survives.
        event.progress = serde_json::from_value(serde_json::to_value(&progress).unwrap()).unwrap();
        bench.clock.advance(Duration::from_secs(180));
    }
    let Settlement::Delivered { dead } = bench.one(event).await else {
        panic!("it has no retries left");
    };
    assert_eq!(
        (dead[0].handler.as_deref(), dead[0].attempts),
        (Some("mail"), 4)
    );
    assert_eq!(
        log.take(),
        [
            "mail 7 try 0",
            "mail 7 try 1",
            "mail 7 try 2",
            "mail 7 try 3"
        ]
    );
    assert_eq!(other.take(), ["bill 7"]);
}

#[tokio::test]
async fn an_event_that_comes_too_early_is_not_tried() {
    let log = Log::default();
    let bench = Bench::new([log.handler("h")]);
    let mut event = bench.event(7, None);
    let at = bench.at(60);
    event
        .progress
        .0
        .insert("h".to_owned(), HandlerProgress::Retry { retries: 1, at });
    let again = bench.one(event.clone()).await;
    assert!(matches!(&again, Settlement::Again { at: when, counts: false, .. } if *when == at));

    let mut late = bench.event(8, None);
    late.envelope.meta.eta = Some(at);
    let again = bench.one(late).await;
    assert!(matches!(&again, Settlement::Again { at: when, counts: false, .. } if *when == at));
    assert!(log.take().is_empty());

    let mut expired = bench.event(9, None);
    expired.envelope.meta.expires = Some(bench.at(-1));
    assert_eq!(bench.one(expired.clone()).await, DELIVERED);
    assert!(log.take().is_empty());
    // One that failed and waited too long to be tried again leaves word of it.
    for (handler, progress) in [
        ("done", HandlerProgress::Done),
        ("h", HandlerProgress::Retry { retries: 2, at }),
        ("limited", HandlerProgress::Retry { retries: 0, at }),
    ] {
        expired.progress.0.insert(handler.to_owned(), progress);
    }
    let Settlement::Delivered { dead } = bench.one(expired).await else {
        panic!("it is over")
    };
    let [reason] = &dead[..] else {
        panic!("{dead:?}")
    };
    assert_eq!((reason.handler.as_deref(), reason.attempts), (Some("h"), 2));
    assert!(reason.error.contains("expired"), "{}", reason.error);
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(bench.one(event).await, DELIVERED);
    assert_eq!(log.take(), ["h 7"]);
}

#[tokio::test]
async fn later_events_of_an_aggregate_wait_untried() {
    let log = Log::default();
    let bench = Bench::new([fails_for(2, &log)]);
    let batch = vec![
        bench.event(1, Some("order:1")),
        bench.event(2, Some("order:1")),
        bench.event(5, Some("order:5")),
        bench.event(3, Some("order:1")),
        bench.event(6, None),
    ];
    let settled = bench.to.deliver(batch).await;
    assert_eq!(settled[0], DELIVERED);
    assert!(matches!(settled[1], Settlement::Again { counts: true, .. }));
    assert_eq!(settled[2], DELIVERED);
    let held = bench.at(180);
    assert!(matches!(settled[3], Settlement::Again { counts: false, at, .. } if at == held));
    assert_eq!(settled[4], DELIVERED);
    let lines = log.take();
    assert!(!lines.iter().any(|line| line.starts_with("mail 3")));
    let of_one = |line: &&String| line.contains("mail 1") || line.contains("mail 2");
    let order: Vec<_> = lines.iter().filter(of_one).collect();
    assert_eq!(order, ["mail 1 try 0", "mail 2 try 0"]);
}

#[tokio::test]
async fn aggregates_run_side_by_side_up_to_the_concurrency() {
    let barrier = Arc::new(Barrier::new(2));
    let meet = def("meet", move |_| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            Ok(Value::Null)
        }
    });
    let bench = Bench::new([meet]);
    let batch = (0..4)
        .map(|n| bench.event(n, Some(&format!("order:{n}"))))
        .collect();
    assert_eq!(bench.to.deliver(batch).await, vec![DELIVERED; 4]);
}

#[tokio::test]
async fn an_event_without_handlers_is_unroutable() {
    let log = Log::default();
    let bench = Bench::new([HandlerDef {
        version: VersionSpec::AtLeast(2),
        ..log.handler("h")
    }]);
    let settlement = bench.one(bench.event(7, None)).await;
    assert_eq!(settlement, Settlement::Unroutable { at: bench.at(60) });
}

#[tokio::test]
async fn rejected_and_panicking_handlers_are_dead_at_once() {
    let bench = Bench::new([
        def("a", |_| async { panic!("a bug") }),
        def("b", |_| async {
            Err(HandlerError::Reject {
                error: "no".to_owned(),
            })
        }),
    ]);
    let Settlement::Delivered { dead } = bench.one(bench.event(7, None)).await else {
        panic!("nothing is to be tried again");
    };
    let errors: Vec<_> = dead.iter().map(|reason| &*reason.error).collect();
    assert_eq!(errors, ["the handler panicked: a bug", "rejected: no"]);
}

#[tokio::test]
async fn a_rate_limit_is_no_failed_attempt() {
    let log = Log::default();
    let limit = RateLimit {
        count: 1.0,
        per: Duration::from_secs(10),
    };
    let bench = Bench::new([with(log.handler("h"), |o| o.rate_limit = Some(limit))]);
    let second = bench.event(2, None);
    assert_eq!(bench.one(bench.event(1, None)).await, DELIVERED);
    let again = bench.one(second.clone()).await;
    let due = bench.at(10);
    assert!(matches!(again, Settlement::Again { at, counts: false, .. } if at == due));
    bench.clock.advance(Duration::from_secs(10));
    assert_eq!(bench.one(second).await, DELIVERED);
    assert_eq!(log.take(), ["h 1", "h 2"]);
}

#[tokio::test]
async fn a_retry_of_a_handler_that_is_gone_is_a_dead_letter() {
    let log = Log::default();
    let bench = Bench::new([log.handler("new_name")]);
    let mut event = bench.event(7, None);
    let at = bench.clock.now();
    let retry = HandlerProgress::Retry { retries: 2, at };
    event.progress.0.insert("old_name".to_owned(), retry);
    let Settlement::Delivered { dead } = bench.one(event).await else {
        panic!("nothing is to be tried again");
    };
    assert_eq!(
        (dead[0].handler.as_deref(), dead[0].attempts),
        (Some("old_name"), 2)
    );
}

#[tokio::test]
async fn only_the_targets_of_a_replay_run() {
    let log = Log::default();
    let bench = Bench::new([log.handler("a"), log.handler("b")]);
    let mut event = bench.event(7, None);
    event.targets = vec!["b".to_owned(), "gone".to_owned()];
    let Settlement::Delivered { dead } = bench.one(event).await else {
        panic!("nothing is to be tried again");
    };
    assert_eq!(log.take(), ["b 7"]);
    assert_eq!(dead[0].handler.as_deref(), Some("gone"));
    assert_eq!(dead.len(), 1);
}

#[tokio::test]
async fn lost_claims_count_as_crashes_of_what_was_not_done() {
    let log = Log::default();
    let once = with(log.handler("once"), |o| o.reject_on_worker_lost = false);
    let bench = Bench::new([once, log.handler("again"), log.handler("done")]);
    let mut event = bench.event(7, None);
    event
        .progress
        .0
        .insert("done".to_owned(), HandlerProgress::Done);
    event.lost_claims = 1;
    let Settlement::Delivered { dead } = bench.one(event.clone()).await else {
        panic!("nothing is to be tried again");
    };
    assert_eq!(log.take(), ["again 7"]);
    assert_eq!((dead.len(), dead[0].handler.as_deref()), (1, Some("once")));

    event.lost_claims = LOST_CLAIMS_LIMIT;
    let Settlement::Delivered { dead } = bench.one(event).await else {
        panic!("nothing is to be tried again");
    };
    assert!(log.take().is_empty());
    let names: Vec<_> = dead
        .iter()
        .filter_map(|reason| reason.handler.as_deref())
        .collect();
    assert_eq!(names, ["again", "once"]);
    assert_eq!(dead[0].error, "killed its process 4 times");
}

#[tokio::test]
async fn a_relay_delivers_retries_and_buries_through_its_outbox() {
    let (log, other) = (Log::default(), Log::default());
    let Bench { clock, to } = Bench::new([fails_for(7, &log), other.handler("bill")]);
    let outbox = Arc::new(MemoryOutbox::new());
    let publisher = Publisher::to_outbox(outbox.clone()).with_clock(Arc::new(clock.clone()));
    let relay = Relay::builder(outbox.clone(), Arc::new(to))
        .clock(Arc::new(clock.clone()))
        .build();
    for order in [7, 8] {
        paid(order).publish(&publisher).await.unwrap();
    }
    let drained = relay.drain().await.unwrap();
    assert_eq!((drained.delivered, drained.again), (1, 1));
    for _ in 0..3 {
        clock.advance(Duration::from_secs(180));
        relay.drain().await.unwrap();
    }
    let status = outbox.status().await.unwrap();
    assert_eq!((status.pending, status.delivered, status.dead), (0, 2, 1));
    let mut bills = other.take();
    bills.sort();
    assert_eq!(bills, ["bill 7", "bill 8"]);
    log.take();

    let replayed = outbox
        .replay(&DeadSelection::All, clock.now())
        .await
        .unwrap();
    assert_eq!(replayed, 1);
    relay.drain().await.unwrap();
    assert_eq!(log.take(), ["mail 7 try 0"]);
    assert!(other.take().is_empty());
}
