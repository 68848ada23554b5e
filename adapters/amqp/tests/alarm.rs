//! RabbitMQ takes nothing for a while, while something waits for its time: it comes.
//!
//! The test has a node of its own, and prints what it saw.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::time::Duration;

use celerysalt::broker::{Broker, DeadLetters, DeadSelection, QueueSpec};
use celerysalt_amqp::AmqpBroker;
use chrono::Utc;
use support::figures;
use support::load::{Running, event, eventually, publish_all};
use support::node::OwnNode;
use support::tries::Tries;
use tokio::task::block_in_place;

fn spec() -> QueueSpec {
    QueueSpec {
        name: "svc".to_owned(),
        bindings: vec!["order.#".to_owned()],
        max_priority: 10,
    }
}

async fn no_letters(broker: &AmqpBroker) {
    let letters = broker.list("svc", &DeadSelection::All, 10).await.unwrap();
    assert!(letters.is_empty(), "{letters:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_come_back_after_a_memory_alarm() {
    let node = OwnNode::start();
    let broker = || {
        let builder = node.builder().confirm_timeout(Duration::from_secs(2));
        builder.build()
    };
    let (publisher, delay) = (broker(), Duration::from_secs(10));
    let (waits, fails) = (Tries::default(), Tries::default());
    let handlers = || {
        vec![
            waits.flaky("order.waits", delay),
            fails.flaky("order.fails", delay),
        ]
    };
    publisher.declare(&spec()).await.unwrap();
    // One retry waits when the alarm begins; the other is of a try that fails while it lasts.
    let worker = Running::start(&broker(), "svc", handlers());
    publish_all(&publisher, vec![event("order.waits", 1)]).await;
    eventually("the first try failed", async || waits.first().is_some()).await;
    worker.stop().await;
    publish_all(&publisher, vec![event("order.fails", 2)]).await;
    block_in_place(|| node.ctl(&["set_vm_memory_high_watermark", "0"]));
    let worker = Running::start(&broker(), "svc", handlers());
    eventually("tries fail during the alarm", async || {
        fails.all().len() > 1
    })
    .await;
    // The alarm lasts a while more.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (during, over) = (fails.all().len(), Utc::now());
    block_in_place(|| node.ctl(&["set_vm_memory_high_watermark", "0.9"]));
    eventually("both retries came", async || {
        !waits.retries().is_empty() && !fails.retries().is_empty()
    })
    .await;
    worker.stop().await;
    no_letters(&publisher).await;
    let retry = fails.retries()[0];
    let lasted = over - fails.first().unwrap();
    figures(format_args!(
        "memory alarm with retries: the one that waited came after {} ms; the other, whose try ran {during} times in {} ms of \
         the alarm, {} ms after it",
        (waits.retries()[0].1 - waits.first().unwrap()).num_milliseconds(),
        lasted.num_milliseconds(),
        (retry.1 - over).num_milliseconds()
    ));
    assert_eq!((waits.retries()[0].0, retry.0), (1, 1));
    let pauses = usize::try_from(lasted.num_seconds()).unwrap();
    assert!(during <= pauses + 2, "{during} tries without a pause");
    let waited = waits.retries()[0].1 - waits.first().unwrap();
    assert!(waited.to_std().unwrap() >= delay, "{waited}");
}
