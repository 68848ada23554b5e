//! A poisoned mesh: whatever stands in its queue, the worker goes on, and each message that is no event rests among the
//! dead letters with its reason.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use celerysalt::broker::{Broker, DeadLetters, DeadSelection, QueueSpec};
use celerysalt::event::Envelope;
use celerysalt::extract::{FromContext, Payload};
use celerysalt::handler::{HandlerError, HandlerOptions};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde::Deserialize;
use serde_json::{Value, json};
use support::load::{Running, Tally, define, event, eventually, publish_all};
use support::node::OwnNode;
use support::{Mesh, figures};

fn headers(entries: &[(&str, &str)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert((*name).into(), AMQPValue::LongString((*value).into()));
    }
    table
}

fn of_json(table: FieldTable) -> BasicProperties {
    let properties = BasicProperties::default().with_content_type("application/json".into());
    properties
        .with_content_encoding("utf-8".into())
        .with_headers(table)
}

fn task() -> FieldTable {
    headers(&[
        ("task", "celery_salt.dispatch_event"),
        ("id", "38d939b3-ccef-42b9-b983-6df82b190da2"),
    ])
}

/// Messages that are no events, with a word of the reason.
fn poison() -> Vec<(BasicProperties, Vec<u8>, &'static str)> {
    let event = |text: &str| serde_json::to_vec(&serde_json::json!([[text], {}, {}])).unwrap();
    let deep = "[".repeat(200_000);
    let mut huge = task();
    huge.insert(
        "filler".into(),
        AMQPValue::LongString("x".repeat(60_000).into()),
    );
    // As much as a frame takes: no word more fits into it.
    let mut full = task();
    full.insert(
        "filler".into(),
        AMQPValue::LongString("x".repeat(130_700).into()),
    );
    vec![
        (of_json(task()), b"{not json".to_vec(), "not valid JSON"),
        (of_json(task()), Vec::new(), "not valid JSON"),
        (of_json(task()), vec![0xff, 0xfe, 0x00], "not valid JSON"),
        (of_json(task()), deep.into_bytes(), "not valid JSON"),
        (
            of_json(task()),
            event(&"{\"a\":".repeat(50_000)),
            "the event is not valid JSON",
        ),
        (of_json(task()), event("[1, 2]"), "the event is an array"),
        (
            of_json(task()),
            b"\"text\"".to_vec(),
            "the body is a string",
        ),
        (
            of_json(task()),
            event("{\"_tchu_meta\": []}"),
            "`_tchu_meta` is an array",
        ),
        (
            of_json(task()),
            event("{\"_tchu_meta\": {\"depth\": -1}}"),
            "`_tchu_meta` is not valid",
        ),
        (of_json(FieldTable::default()), event("{}"), "no task"),
        (
            of_json(headers(&[("task", "celery_salt.dispatch_event")])),
            event("{}"),
            "no task id",
        ),
        (
            of_json(headers(&[("task", "shop.tasks.bill"), ("id", "1")])),
            event("{}"),
            "shop.tasks.bill",
        ),
        (of_json(huge), b"7".to_vec(), "the body is a number"),
        (of_json(full), b"true".to_vec(), "the body is a boolean"),
        (
            BasicProperties::default().with_content_type("application/x-python-serialize".into()),
            vec![0x80, 4],
            "x-python-serialize",
        ),
        (
            BasicProperties::default(),
            b"hello".to_vec(),
            "not valid JSON",
        ),
        (
            of_json({
                let mut table = task();
                table.insert("eta".into(), AMQPValue::LongString("tomorrow".into()));
                table
            }),
            event("{}"),
            "`eta`",
        ),
    ]
}

/// Under which the poison of this number is published: what is known of any message.
fn topic(n: usize) -> String {
    format!("order.poison.{n}")
}

#[derive(Debug, Deserialize)]
struct OrderWeighed {
    grams: u32,
    parcels: Vec<Parcel>,
}

#[derive(Debug, Deserialize)]
struct Parcel {
    label: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_of_wrong_types_rests_with_the_place_that_does_not_fit() {
    let wrong = [
        (json!({"grams": "seven", "parcels": []}), "`grams`"),
        (json!({"grams": -7, "parcels": []}), "`grams`"),
        (
            json!({"grams": 7, "parcels": [{"label": "a"}, {"label": 5}]}),
            "`parcels[1].label`",
        ),
        (json!({"grams": 7, "parcels": null}), "`parcels`"),
        (json!({"grams": 7}), "missing field `parcels`"),
        (json!({}), "missing field `grams`"),
    ];
    let mesh = Mesh::new();
    let queue = mesh.name("svc");
    let seen = Tally::default();
    let counted = seen.handler("order.weighed");
    let weigh = define("weigh", "order.weighed", HandlerOptions::default(), |cx| {
        let Payload(weighed) = Payload::<OrderWeighed>::from_context(&cx)?;
        let labels = weighed.parcels.into_iter().map(|parcel| parcel.label);
        Ok(json!([weighed.grams, labels.collect::<Vec<_>>()]))
    });
    let spec = QueueSpec {
        name: queue.clone(),
        bindings: vec!["order.weighed".to_owned()],
        max_priority: 10,
    };
    mesh.broker.declare(&spec).await.unwrap();
    let worker = Running::start(&mesh.broker, &queue, vec![counted, weigh]);
    let weighed = |payload: Value| Envelope {
        payload,
        ..event("order.weighed", 1)
    };
    let right = json!({"grams": 7, "parcels": [{"label": "a"}]});
    let mut expected = BTreeMap::new();
    for (payload, place) in wrong {
        let (one, good) = (weighed(payload), weighed(right.clone()));
        expected.insert(one.id, place);
        publish_all(&mesh.broker, vec![one, good.clone()]).await;
        seen.until(&BTreeSet::from([good.id])).await;
    }
    let letters = async || {
        let all = mesh.broker.list(&queue, &DeadSelection::All, 100).await;
        all.unwrap()
    };
    eventually("the wrong ones are dead", async || {
        letters().await.len() == expected.len()
    })
    .await;
    for letter in letters().await {
        let (place, reason) = (expected[&letter.envelope.id], letter.reason);
        assert!(reason.error.contains(place), "no {place} in {reason:?}");
        assert_eq!(reason.handler.as_deref(), Some("weigh"));
    }
    worker.stop().await;
    mesh.remove(&[queue]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_beyond_all_bounds_are_a_dead_letter() {
    let mesh = Mesh::new();
    let queue = mesh.name("svc");
    let worker = Running::start(
        &mesh.broker,
        &queue,
        vec![Tally::default().handler("order.#")],
    );
    let mut table = task();
    for counter in ["x-celerysalt-retries", "x-celerysalt-returns"] {
        table.insert(counter.into(), AMQPValue::LongLongInt(i64::MAX));
    }
    table.insert(
        "x-celerysalt-topic".into(),
        AMQPValue::LongString("order.poison".into()),
    );
    let (connection, channel) = Mesh::channel().await;
    mesh.broker
        .declare(&QueueSpec {
            name: queue.clone(),
            bindings: vec!["order.#".to_owned()],
            max_priority: 10,
        })
        .await
        .unwrap();
    let sent = channel.basic_publish(
        "".into(),
        queue.as_str().into(),
        BasicPublishOptions::default(),
        b"[[\"{}\"], {}, {}]",
        of_json(table),
    );
    sent.await.unwrap().await.unwrap();
    let letters = async || {
        mesh.broker
            .list(&queue, &DeadSelection::All, 100)
            .await
            .unwrap()
    };
    eventually("it is dead", async || letters().await.len() == 1).await;
    assert_eq!(letters().await[0].reason.attempts, u32::MAX);
    worker.stop().await;
    connection.close(200, "done".into()).await.unwrap();
    mesh.remove(&[queue]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worker_serves_on_and_every_poison_rests_with_its_reason() {
    let mesh = Mesh::new();
    let queue = mesh.name("svc");
    let spec = QueueSpec {
        name: queue.clone(),
        bindings: vec!["order.#".to_owned()],
        max_priority: 10,
    };
    mesh.broker.declare(&spec).await.unwrap();
    let tally = Tally::default();
    let worker = Running::start(&mesh.broker, &queue, vec![tally.handler("order.#")]);

    let (connection, channel) = Mesh::channel().await;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let exchange = format!("{}-events", mesh.mark);
    let mut good = BTreeSet::new();
    for (n, (properties, body, _)) in poison().into_iter().enumerate() {
        let options = BasicPublishOptions::default();
        let sent = channel
            .basic_publish(
                exchange.as_str().into(),
                topic(n).into(),
                options,
                &body,
                properties,
            )
            .await;
        sent.unwrap().await.unwrap();
        let one = event("order.paid", 1);
        good.insert(one.id);
        publish_all(&mesh.broker, vec![one]).await;
    }
    tally.until(&good).await;
    let letters = async || {
        mesh.broker
            .list(&queue, &DeadSelection::All, 100)
            .await
            .unwrap()
    };
    eventually("all poison is dead", async || {
        letters().await.len() == poison().len()
    })
    .await;
    let reasons: BTreeMap<String, String> = letters()
        .await
        .into_iter()
        .map(|letter| {
            assert_eq!(
                (letter.origin.as_str(), letter.reason.handler),
                (queue.as_str(), None)
            );
            (letter.envelope.topic, letter.reason.error)
        })
        .collect();
    for (n, (_, body, expected)) in poison().into_iter().enumerate() {
        let reason = &reasons[&topic(n)];
        assert!(
            reason.contains(expected),
            "no `{expected}` in `{reason}` of {:?}",
            String::from_utf8_lossy(&body[..body.len().min(40)])
        );
    }
    figures(format_args!(
        "{} poisoned messages among {} events: all events handled, all poison dead-lettered",
        poison().len(),
        good.len()
    ));

    // Replayed they die again: nothing is lost by trying.
    assert_eq!(
        mesh.broker
            .replay(&queue, &DeadSelection::All)
            .await
            .unwrap(),
        poison().len()
    );
    eventually("they are dead again", async || {
        letters().await.len() == poison().len()
    })
    .await;
    worker.stop().await;
    connection.close(200, "done".into()).await.unwrap();
    mesh.remove(&[queue]).await;
}

/// RabbitMQ closes the channel of whoever publishes in another user's name, and `CC` sends to further queues.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_user_published_with_copies_is_retried_dead_lettered_and_replayed() {
    let node = OwnNode::start();
    tokio::task::block_in_place(|| {
        node.ctl(&["add_user", "python", "secret"]);
        node.ctl(&["set_permissions", "python", ".*", ".*", ".*"]);
    });
    let broker = node.builder().build();
    let flaky = define("flaky", "order.#", quick(), |cx| match cx.retries {
        0 => Err(HandlerError::retry("not yet")),
        _ => Err(HandlerError::reject("never")),
    });
    let spec = QueueSpec {
        name: "svc".to_owned(),
        bindings: vec!["order.#".to_owned()],
        max_priority: 10,
    };
    broker.declare(&spec).await.unwrap();
    let worker = Running::start(&broker, "svc", vec![flaky]);
    let url = node.url_of("python", "secret");
    let connected = Connection::connect(&url, ConnectionProperties::default());
    let connection = connected.await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let durable = QueueDeclareOptions::durable();
    let declared = channel.queue_declare("others".into(), durable, FieldTable::default());
    declared.await.unwrap();

    let mut copied = task();
    let cc = vec![AMQPValue::LongString("others".into())];
    copied.insert("CC".into(), AMQPValue::FieldArray(cc.into()));
    for body in [&b"[[\"{}\"], {}, {}]"[..], b"7"] {
        let properties = of_json(copied.clone()).with_user_id("python".into());
        let options = BasicPublishOptions::default();
        let topic = "order.paid".into();
        let sent = channel.basic_publish("tchu_events".into(), topic, options, body, properties);
        sent.await.unwrap();
    }
    let dead = async || {
        let letters = broker.list("svc", &DeadSelection::All, 10).await.unwrap();
        letters.len()
    };
    eventually("both are dead", async || dead().await == 2).await;
    let replayed = broker.replay("svc", &DeadSelection::All).await.unwrap();
    assert_eq!(replayed, 2);
    eventually("both are dead again", async || dead().await == 2).await;
    let passive = QueueDeclareOptions {
        passive: true,
        ..durable
    };
    let others = channel.queue_declare("others".into(), passive, FieldTable::default());
    assert_eq!(
        others.await.unwrap().message_count(),
        0,
        "copies of what came back"
    );
    worker.stop().await;
}

fn quick() -> HandlerOptions {
    HandlerOptions {
        default_retry_delay: Duration::from_millis(100),
        ..HandlerOptions::default()
    }
}
