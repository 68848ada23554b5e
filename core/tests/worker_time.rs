//! Time limits, rate limits, `eta` and `expires`, on the frozen clock.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_support;

use std::time::Duration;

use celerysalt::broker::QueueStats;
use celerysalt::clock::Clock;
use celerysalt::handler::RateLimit;
use celerysalt::publisher::{Publish, PublishOptions};
use celerysalt::testing::TestBus;
use chrono::TimeDelta;
use serde_json::Value;
use worker_support::{Log, bus, def, failed, failing, paid, with};

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
