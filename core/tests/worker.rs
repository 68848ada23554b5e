//! Celery's options and the outcomes of handlers, on the frozen clock.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_support;

use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::{QueueSpec, QueueStats};
use celerysalt::chain::Chain;
use celerysalt::clock::Clock;
use celerysalt::handler::{HandlerDef, HandlerError, RateLimit, VersionSpec};
use celerysalt::publisher::{Publish, PublishOptions};
use celerysalt::testing::TestBus;
use celerysalt::worker::{SeededJitter, WorkerError};
use chrono::TimeDelta;
use serde_json::{Value, json};
use worker_support::{Log, def, failed, paid, with};

async fn bus(handlers: impl IntoIterator<Item = HandlerDef>) -> TestBus {
    TestBus::builder().handlers(handlers).build().await.unwrap()
}

/// Fails always, and writes the second at which it ran.
fn failing(log: &Log, name: &str, error: HandlerError) -> HandlerDef {
    let log = log.clone();
    def(name, move |cx| {
        let (log, error) = (log.clone(), error.clone());
        async move {
            let second = cx.clock.now().timestamp() - 1_767_225_600;
            log.write(format!("{}@{second}", cx.retries));
            Err(error)
        }
    })
}

#[tokio::test]
async fn a_failed_handler_alone_runs_again_and_becomes_a_dead_letter() {
    let (log, other) = (Log::default(), Log::default());
    let mail = failing(&log, "mail", failed(true));
    let bus = bus([mail, other.handler("bill")]).await;
    bus.publish(&paid(7)).await.unwrap();
    bus.advance(Duration::from_secs(3600)).await;

    assert_eq!(log.take(), ["0@0", "1@180", "2@360", "3@540"]);
    assert_eq!(other.take(), ["bill 7"]);
    let dead = bus.dead_letters().await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].reason.handler.as_deref(), Some("mail"));
    assert_eq!(
        (dead[0].reason.attempts, &*dead[0].reason.error),
        (4, "smtp is down")
    );
    assert_eq!(
        (
            dead[0].envelope.payload["order_id"].as_u64(),
            &*dead[0].origin
        ),
        (Some(7), "test")
    );
    assert_eq!(
        (dead[0].died_at - bus.envelopes()[0].meta.created_at.unwrap()).num_seconds(),
        540
    );

    assert_eq!(bus.replay_dead_letters().await, 1);
    bus.run_until_idle().await;
    assert_eq!(log.take(), ["0@3600"]);
    assert!(other.take().is_empty());
}

#[tokio::test]
async fn backoff_is_celerys() {
    let log = Log::default();
    let mail = with(failing(&log, "mail", failed(true)), |options| {
        options.retry_backoff = Some(10);
        options.retry_backoff_max = Duration::from_secs(35);
        options.retry_jitter = false;
    });
    let bus = bus([mail]).await;
    bus.publish(&paid(7)).await.unwrap();
    bus.advance(Duration::from_secs(3600)).await;
    assert_eq!(log.take(), ["0@0", "1@10", "2@30", "3@65"]);
}

#[tokio::test]
async fn jitter_stays_within_the_backoff_and_follows_its_seed() {
    let run = |seed| async move {
        let log = Log::default();
        let mail = with(failing(&log, "mail", failed(true)), |options| {
            options.retry_backoff = Some(100);
            options.max_retries = Some(8);
        });
        let bus = TestBus::builder()
            .handlers([mail])
            .jitter(Arc::new(SeededJitter::new(seed)))
            .build()
            .await
            .unwrap();
        bus.publish(&paid(7)).await.unwrap();
        bus.advance(Duration::from_secs(36_000)).await;
        let at = |line: &String| line.split_once('@').unwrap().1.parse::<u64>().unwrap();
        log.take().iter().map(at).collect::<Vec<_>>()
    };
    let runs = run(1).await;
    assert_eq!(runs.len(), 9);
    for (retries, pair) in runs.windows(2).enumerate() {
        assert!(pair[1] - pair[0] <= (100 << retries).min(600), "{runs:?}");
    }
    assert_eq!(run(1).await, runs);
    assert_ne!(run(2).await, runs);
}

#[tokio::test]
async fn a_handler_may_say_when_and_retries_may_be_without_end() {
    let log = Log::default();
    let error = HandlerError::Retry {
        error: "later".to_owned(),
        after: Some(Duration::from_secs(7)),
    };
    let mail = with(failing(&log, "mail", error), |options| {
        options.max_retries = None;
        options.retry_backoff = Some(1);
    });
    let bus = bus([mail]).await;
    bus.publish(&paid(7)).await.unwrap();
    bus.advance(Duration::from_secs(70)).await;
    assert_eq!(log.take().len(), 11);
    assert!(bus.dead_letters().await.is_empty());
    assert_eq!(bus.stats().delayed, 1);
}

#[tokio::test]
async fn what_is_not_retried_is_dead_at_once() {
    let reject = HandlerError::Reject {
        error: "not mine".to_owned(),
    };
    let invalid = HandlerError::Invalid {
        error: "no amount".to_owned(),
        pointer: "/amount".to_owned(),
    };
    let log = Log::default();
    let handlers = [
        failing(&log, "a", failed(false)),
        failing(&log, "b", reject),
        failing(&log, "c", invalid),
        def("d", |_| async { panic!("a bug") }),
        with(failing(&log, "e", failed(true)), |o| {
            o.max_retries = Some(0)
        }),
    ];
    let bus = bus(handlers).await;
    bus.publish(&paid(7)).await.unwrap();
    bus.run_until_idle().await;
    let dead = bus.dead_letters().await;
    let errors: Vec<_> = dead
        .iter()
        .map(|d| (&*d.reason.error, d.reason.attempts))
        .collect();
    assert_eq!(
        errors,
        [
            ("smtp is down", 1),
            ("rejected: not mine", 1),
            ("the event does not fit the handler: no amount", 1),
            ("the handler panicked: a bug", 1),
            ("smtp is down", 1),
        ]
    );
    bus.publish(&paid(8)).await.unwrap();
    bus.run_until_idle().await;
    assert_eq!(bus.dead_letters().await.len(), 10, "the worker lives on");
}

#[tokio::test]
async fn a_declared_error_of_a_broadcast_is_done() {
    let bus = bus([def("a", |_| async {
        Err(HandlerError::Declared(json!("no")))
    })])
    .await;
    bus.publish(&paid(7)).await.unwrap();
    bus.run_until_idle().await;
    assert_eq!(bus.stats(), QueueStats::default());
}

#[tokio::test]
async fn the_time_limit_stops_a_handler_for_good() {
    let log = Log::default();
    let sleepy = {
        let log = log.clone();
        def("sleepy", move |mut cx| {
            let log = log.clone();
            async move {
                let told = async { cx.soft_limit.wait_for(|told| *told).await.map(drop) };
                tokio::select! {
                    _ = told => log.write(format!("told at {}", cx.clock.now().format("%T"))),
                    () = cx.clock.sleep(Duration::from_secs(600)) => {}
                }
                cx.clock.sleep(Duration::from_secs(600)).await;
                log.write("came to its end");
                Ok(Value::Null)
            }
        })
    };
    let sleepy = with(sleepy, |options| {
        options.soft_time_limit = Some(Duration::from_secs(50));
        options.time_limit = Some(Duration::from_secs(60));
    });
    let bus = bus([sleepy]).await;
    bus.publish(&paid(7)).await.unwrap();
    bus.advance(Duration::from_secs(59)).await;
    assert_eq!(log.take(), ["told at 00:00:50"]);
    assert_eq!(bus.stats().unsettled, 1);
    bus.advance(Duration::from_secs(2000)).await;
    assert!(log.take().is_empty());
    let dead = bus.dead_letters().await;
    assert_eq!(dead[0].reason.error, "time limit of 60 s exceeded");
    assert_eq!(
        (dead[0].died_at.timestamp() - 1_767_225_600, dead.len()),
        (60, 1)
    );
}

#[tokio::test]
async fn a_rate_limit_spaces_starts_and_holds_back_no_other_handler() {
    let log = Log::default();
    let limited = with(failing(&log, "limited", failed(false)), |options| {
        options.rate_limit = Some(RateLimit {
            count: 6.0,
            per: Duration::from_secs(60),
        });
    });
    let free = Log::default();
    let bus = TestBus::builder()
        .handlers([limited, free.handler("free")])
        .worker(|worker| worker.concurrency(1))
        .build()
        .await
        .unwrap();
    for order in 0..5 {
        bus.publish(&paid(order)).await.unwrap();
    }
    bus.run_until_idle().await;
    assert_eq!(free.take().len(), 5, "nobody waits for the limited one");
    assert_eq!(log.take(), ["0@0"]);
    assert_eq!(
        bus.stats(),
        QueueStats {
            delayed: 4,
            dead: 1,
            ..QueueStats::default()
        }
    );
    bus.advance(Duration::from_secs(60)).await;
    assert_eq!(
        log.take(),
        ["0@10", "0@20", "0@30", "0@40"],
        "a wait is no retry"
    );
    assert!(free.take().is_empty());
}

#[tokio::test]
async fn a_lone_rate_limited_handler_keeps_order() {
    let log = Log::default();
    let limited = with(log.handler("one"), |options| {
        options.rate_limit = Some(RateLimit {
            count: 1.0,
            per: Duration::from_secs(1),
        });
    });
    let bus = bus([limited]).await;
    for order in 0..4 {
        bus.publish(&paid(order)).await.unwrap();
    }
    bus.advance(Duration::from_secs(2)).await;
    assert_eq!(log.take(), ["one 0", "one 1", "one 2"]);
    bus.advance(Duration::from_secs(1)).await;
    assert_eq!(log.take(), ["one 3"]);
}

#[tokio::test]
async fn eta_countdown_and_expires_are_honoured() {
    let log = Log::default();
    let bus = bus([log.handler("h")]).await;
    let publish = |order, options| {
        let (event, publisher) = (paid(order), bus.publisher().clone());
        async move { event.publish_with(&publisher, options).await.unwrap() }
    };
    let now = bus.clock().now();
    publish(
        1,
        PublishOptions {
            eta: Some(now + TimeDelta::seconds(9)),
            ..Default::default()
        },
    )
    .await;
    publish(
        2,
        PublishOptions {
            countdown: Some(Duration::from_secs(5)),
            ..Default::default()
        },
    )
    .await;
    let expires = Some(now + TimeDelta::seconds(4));
    let never = PublishOptions {
        countdown: Some(Duration::from_secs(5)),
        expires,
        ..Default::default()
    };
    publish(3, never).await;
    publish(
        4,
        PublishOptions {
            expires,
            ..Default::default()
        },
    )
    .await;
    bus.run_until_idle().await;
    assert_eq!(log.take(), ["h 4"]);
    bus.advance(Duration::from_secs(5)).await;
    assert_eq!(log.take(), ["h 2"]);
    bus.advance(Duration::from_secs(5)).await;
    assert_eq!(log.take(), ["h 1"]);
    assert_eq!(bus.stats(), QueueStats::default());
}

#[tokio::test]
async fn priority_is_the_messages_own_else_the_handlers() {
    let log = Log::default();
    let mut urgent = with(log.handler("urgent"), |options| options.priority = Some(5));
    urgent.pattern = "order.urgent".to_owned();
    let mut usual = log.handler("usual");
    usual.pattern = "order.paid".to_owned();
    let bus = TestBus::builder()
        .handlers([urgent, usual])
        .worker(|worker| worker.concurrency(1).prefetch_multiplier(10))
        .build()
        .await
        .unwrap();
    let publish = |order: u64, topic: &'static str, priority| {
        let options = PublishOptions {
            priority,
            ..Default::default()
        };
        let publisher = bus.publisher().clone();
        async move {
            let payload = json!({"order_id": order});
            publisher
                .publish_json(topic, None, payload, options)
                .await
                .unwrap()
        }
    };
    publish(1, "order.paid", None).await;
    publish(2, "order.paid", Some(9)).await;
    publish(3, "order.urgent", None).await;
    publish(4, "order.urgent", Some(1)).await;
    publish(5, "order.paid", None).await;
    bus.run_until_idle().await;
    assert_eq!(
        log.take(),
        ["usual 2", "urgent 3", "urgent 4", "usual 1", "usual 5"]
    );
}

#[tokio::test]
async fn versions_choose_handlers() {
    let log = Log::default();
    let version = |name: &str, version| HandlerDef {
        version,
        ..log.handler(name)
    };
    let bus = bus([
        version("latest", VersionSpec::Latest),
        version("v1", VersionSpec::AtLeast(1)),
        version("v2", VersionSpec::AtLeast(2)),
    ])
    .await;
    let handled = async |version| {
        let publisher = bus.publisher();
        let options = PublishOptions::default();
        let payload = json!({"order_id": 0});
        publisher
            .publish_json("order.x", version, payload, options)
            .await
            .unwrap();
        bus.run_until_idle().await;
        log.take().join(",").replace(" 0", "")
    };
    assert_eq!(handled(Some("v1")).await, "latest,v1");
    assert_eq!(handled(Some("v2")).await, "latest,v1,v2");
    assert_eq!(handled(Some("v10")).await, "latest,v1,v2");
    assert_eq!(handled(None).await, "latest");
}

#[tokio::test]
async fn an_event_of_a_version_that_no_handler_takes_is_done() {
    let log = Log::default();
    let bus = bus([HandlerDef {
        version: VersionSpec::AtLeast(2),
        ..log.handler("v2")
    }])
    .await;
    bus.publish(&paid(7)).await.unwrap();
    bus.run_until_idle().await;
    assert_eq!((log.take().len(), bus.stats()), (0, QueueStats::default()));
}

/// A binding that outlived its handler, say: the events that it brings are kept for who knows what to do with them.
#[tokio::test]
async fn an_event_of_a_topic_that_no_handler_subscribes_to_is_a_dead_letter() {
    let log = Log::default();
    let bus = bus([log.handler("h")]).await;
    let left_over = QueueSpec {
        name: "test".to_owned(),
        bindings: vec!["invoice.#".to_owned()],
        max_priority: 10,
    };
    bus.broker().declare(&left_over).await.unwrap();
    let publisher = bus.publisher();
    let id = publisher
        .publish_json("invoice.sent", None, json!({}), PublishOptions::default())
        .await
        .unwrap();
    bus.run_until_idle().await;
    let dead = bus.dead_letters().await;
    let [letter] = &dead[..] else {
        panic!("{dead:?}")
    };
    assert_eq!(
        (letter.envelope.id, &letter.reason.handler, &*letter.origin),
        (id, &None, "test")
    );
    assert!(
        letter.reason.error.contains("`invoice.sent`"),
        "{}",
        letter.reason.error
    );
}

/// An error is not lost because nobody wants the event any more.
#[tokio::test]
async fn a_retry_that_comes_too_late_is_a_dead_letter_with_its_error() {
    let log = Log::default();
    let bus = bus([failing(&log, "mail", failed(true)), log.handler("other")]).await;
    let options = PublishOptions {
        expires: Some(bus.clock().now() + TimeDelta::seconds(60)),
        ..Default::default()
    };
    paid(7)
        .publish_with(bus.publisher(), options)
        .await
        .unwrap();
    bus.advance(Duration::from_secs(3600)).await;
    assert_eq!(log.take(), ["0@0", "other 7"]);
    let dead = bus.dead_letters().await;
    let [letter] = &dead[..] else {
        panic!("{dead:?}")
    };
    assert_eq!(letter.reason.handler.as_deref(), Some("mail"));
    assert_eq!(letter.reason.attempts, 1);
    for part in ["expired", "smtp is down"] {
        assert!(
            letter.reason.error.contains(part),
            "{}",
            letter.reason.error
        );
    }
}

/// What waits only for its rate limit has no error to keep.
#[tokio::test]
async fn what_expires_while_a_rate_limit_holds_it_is_dropped() {
    let log = Log::default();
    let slow = with(log.handler("slow"), |options| {
        options.rate_limit = Some(RateLimit {
            count: 1.0,
            per: Duration::from_secs(60),
        });
    });
    let bus = bus([slow, log.handler("quick")]).await;
    for order in [1, 2] {
        let options = PublishOptions {
            expires: Some(bus.clock().now() + TimeDelta::seconds(5)),
            ..Default::default()
        };
        paid(order)
            .publish_with(bus.publisher(), options)
            .await
            .unwrap();
    }
    bus.advance(Duration::from_secs(120)).await;
    let mut ran = log.take();
    ran.sort();
    assert_eq!(ran, ["quick 1", "quick 2", "slow 1"]);
    assert_eq!(bus.stats(), QueueStats::default());
}

#[tokio::test]
async fn handlers_carry_the_chain_on() {
    let seen: Arc<std::sync::Mutex<Vec<Chain>>> = Arc::default();
    let chain = {
        let seen = Arc::clone(&seen);
        def("chain", move |cx| {
            let seen = Arc::clone(&seen);
            async move {
                seen.lock().unwrap().push(cx.envelope.meta.chain.clone());
                let publisher = cx.state.get::<celerysalt::publisher::Publisher>().unwrap();
                match paid(1).publish(&publisher).await {
                    Ok(_) => Ok(Value::Null),
                    Err(error) => Err(HandlerError::Reject {
                        error: error.to_string(),
                    }),
                }
            }
        })
    };
    let bus = bus([chain]).await;
    let first = bus.publish(&paid(1)).await.unwrap();
    bus.run_until_idle().await;
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen[0], Chain::default());
    assert_eq!(seen[1].causation_id, Some(first));
    assert_eq!(seen[2].causation_id, Some(bus.envelopes()[1].id));
    for (depth, chain) in seen.iter().enumerate().skip(1) {
        assert_eq!(chain.depth as usize, depth);
        assert_eq!(chain.correlation_id.as_deref(), Some(&*first.to_string()));
    }
    assert_eq!(seen.len(), 17, "the event itself and 16 that follow");
    let dead = bus.dead_letters().await;
    assert!(
        dead[0].reason.error.contains("number 17 in a chain"),
        "{}",
        dead[0].reason.error
    );
}

#[tokio::test]
async fn handlers_that_cannot_work_are_refused() {
    let build = async |handlers: Vec<HandlerDef>| {
        let bus = TestBus::builder().handlers(handlers).build().await;
        bus.err().unwrap()
    };
    let log = Log::default();
    assert!(
        matches!(build(vec![]).await, WorkerError::NoHandlers { service } if service == "test")
    );
    let twice = build(vec![log.handler("a"), log.handler("a")]).await;
    assert!(matches!(twice, WorkerError::DuplicateHandler { name } if name == "a"));
    let pattern = HandlerDef {
        pattern: "order.p*".to_owned(),
        ..log.handler("a")
    };
    assert!(
        matches!(build(vec![pattern]).await, WorkerError::Pattern { handler, .. } if handler == "a")
    );
}
