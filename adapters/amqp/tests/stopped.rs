//! RabbitMQ is stopped in an orderly way and started again, while much is on its way: nothing is lost.
//!
//! The test has a node of its own, and prints what it saw.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::time::Duration;

use celerysalt::broker::{Broker, DeadLetters, DeadSelection, QueueSpec};
use celerysalt::event::Envelope;
use chrono::{DateTime, TimeDelta, Utc};
use support::figures;
use support::load::{Running, Tally, event, eventually, finish, publish_all, under_load};
use support::node::OwnNode;
use support::tries::Tries;
use tokio::task::block_in_place;

const FLAKY: &str = "order.flaky";
const EARLY: &str = "order.early";
/// How long a retry waits: past the stop.
const DELAY: Duration = Duration::from_secs(20);

fn spec() -> QueueSpec {
    QueueSpec {
        name: "svc".to_owned(),
        bindings: vec!["order.#".to_owned()],
        max_priority: 10,
    }
}

/// Events that are wanted one after the other for a minute, so that some pass from delay to delay when RabbitMQ stops.
fn early(first: DateTime<Utc>) -> Vec<Envelope> {
    let wanted = |n: usize| first + TimeDelta::milliseconds(n as i64 * 200);
    let early = (0..300).map(|n| {
        let mut event = event(EARLY, n);
        event.meta.eta = Some(wanted(n));
        event
    });
    early.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_stopped_and_started_loses_nothing() {
    let node = OwnNode::start();
    let (publisher, consumer) = (node.builder().build(), node.builder().build());
    let (tally, flaky, steady) = (Tally::default(), Tries::default(), Tries::default());
    let handlers = vec![
        flaky.flaky(FLAKY, DELAY),
        steady.steady(EARLY),
        tally.handler("order.#"),
    ];
    let worker = Running::start(&consumer, "svc", handlers);
    publisher.declare(&spec()).await.unwrap();
    let first = Utc::now() + TimeDelta::seconds(5);
    let (early, retried) = (early(first), event(FLAKY, 0));
    publish_all(&publisher, early.clone()).await;
    publish_all(&publisher, vec![retried.clone()]).await;
    eventually("the first try failed", async || flaky.first().is_some()).await;
    let mut waited = 0;
    let (mut ids, refused) = under_load(&publisher, 50, async {
        let before = tally.events();
        eventually("events are handled", async || tally.events() > before + 100).await;
        block_in_place(|| node.ctl(&["stop_app"]));
        waited = early.len().saturating_sub(steady.all().len());
        block_in_place(|| node.ctl(&["start_app"]));
    })
    .await;
    ids.extend(early.iter().map(|event| event.id));
    ids.insert(retried.id);
    finish("stopped and started", &tally, &ids, refused).await;
    eventually("the retry came", async || !flaky.retries().is_empty()).await;
    worker.stop().await;
    let letters = publisher.list("svc", &DeadSelection::All, 10).await;
    assert_eq!(letters.unwrap(), []);
    let (retries, at) = flaky.retries()[0];
    let retried = at - flaky.first().unwrap();
    figures(format_args!(
        "{waited} of {} early events waited when it stopped; a retry of {DELAY:?} came after {} ms",
        early.len(),
        retried.num_milliseconds()
    ));
    assert!(waited > 0, "it stopped too late");
    assert_eq!(retries, 1);
    assert!(retried.to_std().unwrap() >= DELAY, "{retried}");
    assert!(steady.first().unwrap() >= first);
}
