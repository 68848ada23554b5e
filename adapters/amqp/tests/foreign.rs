//! Messages that others wrote by hand: what they say is not changed on the way, and counted once.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../core/tests/metrics_support/mod.rs"]
mod metrics_support;
mod support;

use std::time::Duration;

use celerysalt::broker::{
    Broker, Consumer, DeadLetters, DeadReason, DeadSelection, Delivery, QueueSpec,
};
use chrono::{TimeDelta, Utc};
use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection};
use metrics_support::Recorded;
use serde_json::json;
use support::Mesh;
use support::load::{Running, Tally, eventually};

/// A queue with what may be published straight into it.
struct Bench {
    mesh: Mesh,
    queue: String,
    connection: Connection,
    channel: Channel,
}

impl Bench {
    async fn new() -> Self {
        let mesh = Mesh::new();
        let queue = mesh.name("svc");
        let spec = QueueSpec {
            name: queue.clone(),
            bindings: vec!["order.#".to_owned()],
            max_priority: 10,
        };
        mesh.broker.declare(&spec).await.unwrap();
        let (connection, channel) = Mesh::channel().await;
        let confirm = channel.confirm_select(ConfirmSelectOptions::default());
        confirm.await.unwrap();
        Self {
            mesh,
            queue,
            connection,
            channel,
        }
    }

    async fn send(&self, topic: &str, headers: Vec<(&str, AMQPValue)>, body: &[u8]) {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert(name.into(), value);
        }
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_content_encoding("utf-8".into())
            .with_headers(table);
        let exchange = format!("{}-events", self.mesh.mark);
        let options = BasicPublishOptions::default();
        let sent =
            self.channel
                .basic_publish(exchange.into(), topic.into(), options, body, properties);
        sent.await.unwrap().await.unwrap();
    }

    async fn consume(&self) -> Box<dyn Consumer> {
        self.mesh.broker.consume(&self.queue, 1).await.unwrap()
    }

    /// A handler gives up what comes next, and an operator replays it.
    async fn give_up_and_replay(&self) {
        let mut consumer = self.consume().await;
        let delivery = next(&mut *consumer).await;
        let payload = json!({"n": "1180591620717411303424"});
        assert_eq!(delivery.envelope.payload, payload);
        let reason = DeadReason {
            handler: Some("mails".to_owned()),
            attempts: 4,
            error: "no customer".to_owned(),
        };
        delivery.settle.dead_letter(reason).await.unwrap();
        delivery.settle.ack().await.unwrap();
        drop(consumer);
        let replayed = self.mesh.broker.replay(&self.queue, &DeadSelection::All);
        assert_eq!(replayed.await.unwrap(), 1);
    }

    /// The body of the one message of the queue, and the names of its headers.
    async fn get(&self) -> (Vec<u8>, Vec<String>) {
        let (queue, no_ack) = (self.queue.as_str(), BasicGetOptions { no_ack: true });
        let got = self.channel.basic_get(queue.into(), no_ack).await;
        let got = got.unwrap().unwrap().delivery;
        let headers = got.properties.headers().clone().unwrap();
        let names = headers.inner().keys().map(ToString::to_string);
        (got.data, names.collect())
    }

    async fn dead(&self) -> usize {
        let letters = self.mesh.broker.list(&self.queue, &DeadSelection::All, 100);
        letters.await.unwrap().len()
    }

    async fn close(self) {
        self.connection.close(200, "done".into()).await.unwrap();
        self.mesh.remove(&[self.queue]).await;
    }
}

async fn next(consumer: &mut dyn Consumer) -> Delivery {
    let next = tokio::time::timeout(Duration::from_secs(60), consumer.next()).await;
    next.expect("a message comes").unwrap()
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// The headers of a replayed message beside those of its task.
const REPLAYED: &[&str] = &[
    "x-celerysalt-handler",
    "x-celerysalt-retries",
    "x-celerysalt-returns",
    "x-celerysalt-topic",
    "x-mine",
];

fn task() -> Vec<(&'static str, AMQPValue)> {
    vec![
        ("task", text("celery_salt.dispatch_event")),
        ("id", text("38d939b3-ccef-42b9-b983-6df82b190da2")),
    ]
}

/// Seconds would begin anew with each retry, and an event that waits long enough would never expire.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seconds_until_expiry_count_from_the_first_coming() {
    let bench = Bench::new().await;
    let mut seconds = task();
    seconds.push(("expires", AMQPValue::LongInt(3600)));
    bench
        .send("order.paid", seconds, br#"[["{}"], {}, {}]"#)
        .await;
    let old = json!({"task": "celery_salt.dispatch_event", "id": "1", "args": ["{}"], "kwargs": {}, "expires": 3600});
    bench
        .send("order.paid", Vec::new(), old.to_string().as_bytes())
        .await;
    let mut consumer = bench.consume().await;
    let mut expires = Vec::new();
    for _ in 0..2 {
        let first = next(&mut *consumer).await;
        expires.push(first.envelope.meta.expires.unwrap().timestamp_micros());
        first.settle.retry("h", 1, Utc::now(), "x").await.unwrap();
        first.settle.ack().await.unwrap();
    }
    for expires in expires {
        let again = next(&mut *consumer).await;
        let then = again.envelope.meta.expires.unwrap().timestamp_micros();
        assert_eq!((again.target.as_deref(), then), (Some("h"), expires));
        again.settle.ack().await.unwrap();
    }
    drop(consumer);
    bench.close().await;
}

/// A number that this library reads as text stays what it is for whoever reads the event next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_letter_is_the_very_message() {
    let bench = Bench::new().await;
    let body = br#"[["{\"n\": 1180591620717411303424}"], {"mine": 0.10000000000000000001}, {}]"#;
    let instant = |seconds| text(&(Utc::now() + TimeDelta::seconds(seconds)).to_rfc3339());
    let mut headers = task();
    headers.extend([
        ("eta", instant(-60)),
        ("expires", instant(3600)),
        ("x-mine", text("kept")),
    ]);
    bench.send("order.paid", headers, body).await;
    bench.give_up_and_replay().await;
    let (replayed, headers) = bench.get().await;
    assert_eq!(replayed, body);
    assert_eq!(headers, [&["id", "task"], REPLAYED].concat());
    bench.close().await;
}

/// Protocol 1 says in its body when it is wanted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_of_protocol_1_is_the_very_message_but_for_when_it_is_wanted() {
    let bench = Bench::new().await;
    let says = |eta: &str, expires: &str| {
        format!(
            r#"{{"task":"celery_salt.dispatch_event", "id":"38d939b3-ccef-42b9-b983-6df82b190da2" ,"eta":{eta},
            "args":["{{\"n\": 1180591620717411303424}}"],"kwargs":{{"mine": 0.10000000000000000001}},"expires": {expires}}}"#
        )
    };
    let body = says(r#""2026-01-25T10:00:00""#, "3.6e3");
    let mine = vec![("x-mine", text("kept"))];
    bench.send("order.paid", mine, body.as_bytes()).await;
    let mut consumer = bench.consume().await;
    let first = next(&mut *consumer).await;
    first.settle.retry("h", 1, Utc::now(), "x").await.unwrap();
    first.settle.ack().await.unwrap();
    drop(consumer);
    bench.give_up_and_replay().await;
    let (replayed, headers) = bench.get().await;
    let replayed = String::from_utf8(replayed).unwrap();
    assert_eq!(replayed, says("null", "null"));
    assert_eq!(headers, REPLAYED);
    bench.close().await;
}

/// As the bus in memory: unknown here is no topic of a handler's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_a_topic_that_no_handler_subscribes_to_is_a_dead_letter() {
    let bench = Bench::new().await;
    let handler = Tally::default().handler("order.paid");
    let worker = Running::start(&bench.mesh.broker, &bench.queue, vec![handler]);
    bench
        .send("order.unknown", task(), br#"[["{}"], {}, {}]"#)
        .await;
    eventually("it is dead", async || bench.dead().await == 1).await;
    let letters = bench.mesh.broker.list(&bench.queue, &DeadSelection::All, 9);
    let letter = letters.await.unwrap().remove(0);
    assert!(
        letter.reason.error.contains("`order.unknown`"),
        "{}",
        letter.reason.error
    );
    assert_eq!(
        (letter.envelope.topic.as_str(), letter.reason.handler),
        ("order.unknown", None)
    );
    worker.stop().await;
    bench.close().await;
}

#[test]
fn a_message_that_is_no_event_is_counted_as_a_dead_letter_once() {
    let recorded = Recorded::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let queue = metrics::with_local_recorder(&recorded, || {
        runtime.block_on(async {
            let bench = Bench::new().await;
            let queue = bench.queue.clone();
            let mut consumer = bench.consume().await;
            bench.send("order.poison", task(), b"{no json").await;
            let takes = async {
                consumer.next().await;
            };
            tokio::select! {
                () = takes => panic!("it is no event"),
                () = eventually("it is dead and counted", async || {
                    recorded.counter(&format!("celerysalt_undecodable_total{{queue={queue}}}")) > 0
                }) => {}
            }
            assert_eq!(bench.dead().await, 1);
            drop(consumer);
            bench.close().await;
            queue
        })
    });
    let undecodable = format!("celerysalt_undecodable_total{{queue={queue}}}");
    let dead = "celerysalt_dead_lettered_total{handler=,topic=order.poison}";
    assert_eq!(
        (recorded.counter(&undecodable), recorded.counter(dead)),
        (1, 1)
    );
}
