//! Celery's options and the outcomes of handlers, on the frozen clock.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_support;

use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::{QueueSpec, QueueStats};
use celerysalt::chain::Chain;
use celerysalt::handler::{HandlerDef, HandlerError, VersionSpec};
use celerysalt::publisher::{Publish, PublishOptions};
use celerysalt::testing::TestBus;
use celerysalt::worker::{SeededJitter, WorkerError};
use serde_json::{Value, json};
use worker_support::{Log, bus, def, failed, failing, paid, with};

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
