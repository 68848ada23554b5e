//! Calls whose answers come over RabbitMQ itself or over Redis, also while servers come and go.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../redis/tests/support/mod.rs"]
mod redis_support;
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use celerysalt::broker::Broker;
use celerysalt::event::RpcError;
use celerysalt::handler::HandlerDef;
use celerysalt::publisher::Publisher;
use celerysalt::rpc::{Call, CallError, RpcClient, SharedResultBackend};
use celerysalt::worker::{Worker, handler_fn};
use celerysalt_amqp::{AmqpBroker, AmqpResults};
use celerysalt_redis::RedisResults;
use futures::StreamExt;
use lapin::BasicProperties;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions};
use lapin::types::{AMQPValue, FieldTable};
use redis_support::OwnRedis;
use serde_json::json;
use support::calculator::{
    Add, COMES, Sum, adds, ends_as_it_should, refuses_what_does_not_fit, request, sum,
};
use support::load::eventually;
use support::node::OwnNode;
use support::python::redis_url;
use support::{Mesh, figures};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Answers calls; ends with the test.
struct Service(JoinHandle<()>);

impl Service {
    async fn start(broker: &AmqpBroker, queue: &str, results: SharedResultBackend) -> Self {
        Self::with(adds(), broker, queue, results).await
    }

    async fn with(
        handler: HandlerDef,
        broker: &AmqpBroker,
        queue: &str,
        results: SharedResultBackend,
    ) -> Self {
        let worker = Worker::builder(Arc::new(broker.clone()), queue)
            .handlers([handler])
            .concurrency(8)
            .results(results)
            .build()
            .unwrap();
        worker.declare().await.unwrap();
        let works = async { worker.run(std::future::pending()).await.unwrap() };
        Self(tokio::spawn(works))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn client(broker: &AmqpBroker, results: SharedResultBackend) -> RpcClient {
    RpcClient::new(Publisher::to_broker(Arc::new(broker.clone())), results)
}

/// Both ways on which answers come over RabbitMQ.
fn ways(broker: &AmqpBroker) -> [(&'static str, AmqpResults); 2] {
    [
        ("rpc://", AmqpResults::new(broker)),
        ("direct reply-to", AmqpResults::direct(broker)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_rabbitmq_ends_as_it_should() {
    let mesh = Mesh::new();
    let queue = mesh.name("svc");
    let answering = Arc::new(AmqpResults::new(&mesh.broker));
    let service = Service::start(&mesh.broker, &queue, answering).await;
    for (way, results) in ways(&mesh.broker) {
        let client = client(&mesh.broker, Arc::new(results));
        ends_as_it_should(&client, way).await;
        refuses_what_does_not_fit(&client, way).await;
    }
    drop(service);
    eventually("the worker is gone", async || {
        mesh.broker.declare(&spec(&queue)).await.is_ok()
    })
    .await;
    mesh.remove(&[queue]).await;
}

fn spec(queue: &str) -> celerysalt::broker::QueueSpec {
    celerysalt::broker::QueueSpec {
        name: queue.to_owned(),
        bindings: vec!["mesh.add".to_owned()],
        max_priority: 10,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_redis_ends_as_it_should() {
    let mesh = Mesh::new();
    let queue = mesh.name("svc");
    let results = || {
        let builder = RedisResults::builder(&redis_url()).unwrap();
        Arc::new(builder.global_keyprefix(&mesh.mark).build())
    };
    let service = Service::start(&mesh.broker, &queue, results()).await;
    let client = client(&mesh.broker, results());
    ends_as_it_should(&client, "Redis").await;
    refuses_what_does_not_fit(&client, "Redis").await;
    drop(service);
    mesh.remove(&[queue]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_at_work_is_a_timeout_and_many_at_once_are_kept_apart() {
    let mesh = Mesh::new();
    let queue = mesh.name("svc");
    mesh.broker.declare(&spec(&queue)).await.unwrap();
    for (way, results) in ways(&mesh.broker) {
        let client = client(&mesh.broker, Arc::new(results));
        let nobody = Add { a: 1, b: 1 }
            .call(&client, Duration::from_millis(300))
            .await;
        assert!(
            matches!(nobody, Err(CallError::Timeout { .. })),
            "{way}: {nobody:?}"
        );
    }
    let answering = Arc::new(AmqpResults::new(&mesh.broker));
    let _service = Service::start(&mesh.broker, &queue, answering).await;
    for (way, results) in ways(&mesh.broker) {
        let client = client(&mesh.broker, Arc::new(results));
        let calls = (0..300).map(|a| {
            let client = client.clone();
            tokio::spawn(async move { (a, Add { a, b: 1 }.call(&client, COMES).await) })
        });
        for call in calls.collect::<Vec<_>>() {
            let (a, answer) = call.await.unwrap();
            assert_eq!(answer.unwrap(), Sum { result: a + 1 }, "{way}");
        }
    }
    mesh.remove(&[queue]).await;
}

/// Clients of other languages choose ids of their own, for the task and for the answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_client_is_answered_under_the_ids_that_it_chose() {
    let mesh = Mesh::new();
    let queue = mesh.name("svc");
    let answering = Arc::new(AmqpResults::new(&mesh.broker));
    let _service = Service::start(&mesh.broker, &queue, answering).await;
    let (connection, channel) = Mesh::channel().await;
    let direct = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let name = "amq.rabbitmq.reply-to";
    let answers = channel.basic_consume(name.into(), "".into(), direct, FieldTable::default());
    let mut answers = answers.await.unwrap();

    let ids = [
        ("nightly-42", Some("nightly-42"), "nightly-42"),
        (
            "7f1c5fd0b11e4d0aa1e22ad16bd1f4d5",
            None,
            "7f1c5fd0b11e4d0aa1e22ad16bd1f4d5",
        ),
        (
            "38d939b3-ccef-42b9-b983-6df82b190da2",
            Some("my-call"),
            "my-call",
        ),
    ];
    for (id, correlation, expected) in ids {
        let mut headers = FieldTable::default();
        for (name, value) in [("task", "celery_salt.dispatch_event"), ("id", id)] {
            headers.insert(name.into(), AMQPValue::LongString(value.into()));
        }
        let mut properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_content_encoding("utf-8".into())
            .with_reply_to(name.into())
            .with_headers(headers);
        if let Some(correlation) = correlation {
            properties = properties.with_correlation_id(correlation.into());
        }
        let (exchange, body) = (format!("{}-events", mesh.mark), request(2, 3));
        let sent = channel.basic_publish(
            exchange.into(),
            "mesh.add".into(),
            BasicPublishOptions::default(),
            &body,
            properties,
        );
        sent.await.unwrap();
        let answer = timeout(COMES, answers.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let correlated = answer.properties.correlation_id().clone().unwrap();
        assert_eq!(correlated.as_str(), expected, "task {id}");
        assert_eq!(sum(&answer.data), json!(5));
        let result: serde_json::Value = serde_json::from_slice(&answer.data).unwrap();
        assert_eq!(result["task_id"], id);
    }
    connection.close(200, "done".into()).await.unwrap();
    mesh.remove(&[queue]).await;
}

/// Adds, and takes its time; it tells how many it adds now.
fn adds_slowly() -> (HandlerDef, Arc<AtomicUsize>) {
    let (def, adding) = (adds(), Arc::<AtomicUsize>::default());
    let (inner, now) = (def.handler, Arc::clone(&adding));
    let handler = handler_fn(move |cx| {
        let (inner, now) = (Arc::clone(&inner), Arc::clone(&now));
        async move {
            now.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(300)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            inner.call(cx).await
        }
    });
    let handler = Arc::new(handler);
    (HandlerDef { handler, ..def }, adding)
}

/// Calls have been sent, and are not answered.
async fn some_wait(adding: &AtomicUsize) {
    eventually("calls are in their handlers", async || {
        adding.load(Ordering::SeqCst) >= 3
    })
    .await;
}

/// How calls ended.
#[derive(Default)]
struct Ends(BTreeMap<&'static str, usize>);

impl Ends {
    /// Counts an end; anything but the right sum or an error of the way is a failure.
    fn take(&mut self, a: i64, end: Result<Sum, CallError<RpcError>>) {
        let end = match end {
            Ok(sum) => {
                assert_eq!(sum, Sum { result: a + 1 }, "another call's answer");
                "answered"
            }
            Err(CallError::Backend(_)) => "told that the way of answers is lost",
            Err(CallError::Publish(_)) => "told that the request was not sent",
            Err(CallError::Timeout { .. }) => "timed out",
            Err(other) => panic!("{other:?}"),
        };
        *self.0.entry(end).or_default() += 1;
    }

    fn of(&self, end: &str) -> usize {
        self.0.get(end).copied().unwrap_or_default()
    }

    /// That calls were answered, and that each of the others was told: a request that was sent is handled, and its answer is
    /// kept until it can be stored, long before its caller gives up.
    fn none_is_lost(&self, label: &str) {
        let calls: usize = self.0.values().sum();
        figures(format_args!("{label}: of {calls} calls {:?}", self.0));
        assert!(self.of("answered") > 0, "{label}: {:?}", self.0);
        assert_eq!(self.of("timed out"), 0, "{label}: answers were lost");
    }
}

const CALLERS: i64 = 8;

/// Calls by several callers while `disturb` runs, and for a while after it; at last one call that must be answered.
async fn called(client: &RpcClient, disturb: impl Future<Output = ()>) -> Ends {
    let calm = Arc::new(AtomicBool::new(false));
    let callers = (0..CALLERS).map(|caller| {
        let (client, calm) = (client.clone(), Arc::clone(&calm));
        tokio::spawn(async move {
            let (mut ends, mut a, mut last) = (Vec::new(), caller, false);
            while !last {
                last = calm.load(Ordering::SeqCst);
                let end = Add { a: a % 900, b: 1 }
                    .call(&client, Duration::from_secs(20))
                    .await;
                // Leaves the machine to those who disturb.
                tokio::time::sleep(Duration::from_millis(50)).await;
                ends.push((a % 900, end));
                a += CALLERS;
            }
            ends
        })
    });
    let callers: Vec<_> = callers.collect();
    disturb.await;
    // Whatever is there again must be found again.
    eventually("a call is answered again", async || {
        Add { a: 1, b: 1 }
            .call(client, Duration::from_secs(20))
            .await
            .is_ok()
    })
    .await;
    calm.store(true, Ordering::SeqCst);
    let mut ends = Ends::default();
    for caller in callers {
        for (a, end) in caller.await.unwrap() {
            ends.take(a, end);
        }
    }
    let last = Add { a: 2, b: 1 }.call(client, COMES).await;
    assert_eq!(last.unwrap(), Sum { result: 3 });
    ends
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_while_redis_is_killed_and_started_again_end_with_an_answer_or_are_told() {
    let mesh = Mesh::new();
    let queue = mesh.name("svc");
    let mut redis = OwnRedis::start().await;
    let results = || Arc::new(RedisResults::builder(&redis.url()).unwrap().build());
    let (answering, asking) = (results(), results());
    let (handler, adding) = adds_slowly();
    let _service = Service::with(handler, &mesh.broker, &queue, answering).await;
    let client = client(&mesh.broker, asking);
    let ends = called(&client, async {
        for _ in 0..3 {
            eventually("a call is answered", async || {
                Add { a: 1, b: 1 }
                    .call(&client, Duration::from_secs(20))
                    .await
                    .is_ok()
            })
            .await;
            some_wait(&adding).await;
            redis.kill();
            // The gap, in which calls are made.
            tokio::time::sleep(Duration::from_secs(1)).await;
            redis.restart().await;
        }
    })
    .await;
    ends.none_is_lost("Redis killed and started again 3 times during calls");
    mesh.remove(&[queue]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_over_rabbitmq_while_its_connections_are_closed_end_with_an_answer_or_are_told() {
    let node = OwnNode::start();
    let broker = node.builder().build();
    let serving = node.builder().build();
    let answering = Arc::new(AmqpResults::new(&serving));
    let (handler, adding) = adds_slowly();
    let _service = Service::with(handler, &serving, "svc", answering).await;
    for (way, results) in ways(&broker) {
        let client = client(&broker, Arc::new(results));
        let ends = called(&client, async {
            for _ in 0..2 {
                eventually("a call is answered", async || {
                    Add { a: 1, b: 1 }
                        .call(&client, Duration::from_secs(20))
                        .await
                        .is_ok()
                })
                .await;
                some_wait(&adding).await;
                tokio::task::block_in_place(|| node.close_connections());
            }
        })
        .await;
        ends.none_is_lost(&format!("{way}, all connections closed twice during calls"));
    }
}
