//! The ways of answers over RabbitMQ: who is told when one ends, and what is left behind.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use celerysalt::broker::{Broker, PublishError};
use celerysalt::handler::HandlerDef;
use celerysalt::publisher::Publisher;
use celerysalt::rpc::{Call, CallError, ResultBackend, RpcClient};
use celerysalt::worker::{Worker, handler_fn};
use celerysalt_amqp::{AmqpBroker, AmqpResults};
use lapin::options::QueueDeclareOptions;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{Connection, ErrorKind};
use support::calculator::{Add, COMES, Sum, adds};
use support::load::{event, eventually, publish_all};
use support::node::OwnNode;
use support::proxy::{Proxy, Weather};
use support::{Mesh, figures};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use uuid::Uuid;

const QUEUE: &str = "svc";
const CALLS: usize = 20;

/// A service that answers when it may; it ends with the test.
struct Service {
    may_answer: Arc<Semaphore>,
    asked: Arc<AtomicUsize>,
    works: JoinHandle<()>,
}

impl Service {
    async fn start(broker: AmqpBroker, queue: &str) -> Self {
        let (may_answer, asked) = (Arc::new(Semaphore::new(0)), Arc::<AtomicUsize>::default());
        let worker = Worker::builder(Arc::new(broker.clone()), queue)
            .handlers([slowly(adds(), &may_answer, &asked)])
            .concurrency(CALLS)
            .results(Arc::new(AmqpResults::new(&broker)))
            .build()
            .unwrap();
        worker.declare().await.unwrap();
        let works = async { worker.run(std::future::pending()).await.unwrap() };
        Self {
            may_answer,
            asked,
            works: tokio::spawn(works),
        }
    }

    async fn asked(&self, times: usize) {
        eventually("the service is asked", async || {
            self.asked.load(Ordering::SeqCst) >= times
        })
        .await;
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.works.abort();
    }
}

fn slowly(def: HandlerDef, may_end: &Arc<Semaphore>, asked: &Arc<AtomicUsize>) -> HandlerDef {
    let (inner, may_end, asked) = (def.handler, Arc::clone(may_end), Arc::clone(asked));
    let handler = handler_fn(move |cx| {
        let (inner, may_end) = (Arc::clone(&inner), Arc::clone(&may_end));
        asked.fetch_add(1, Ordering::SeqCst);
        async move {
            may_end.acquire().await.unwrap().forget();
            inner.call(cx).await
        }
    });
    HandlerDef {
        handler: Arc::new(handler),
        ..def
    }
}

fn client(broker: &AmqpBroker, results: AmqpResults) -> RpcClient {
    let publisher = Publisher::to_broker(Arc::new(broker.clone()));
    RpcClient::new(publisher, Arc::new(results))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_is_lost_is_told_to_those_alone_who_called_over_it() {
    // One message a round: the lanes take turns.
    let mesh = Mesh::with(|builder| builder.window(1));
    let queue = mesh.name(QUEUE);
    let service = Service::start(Mesh::builder(&mesh.mark).build(), &queue).await;
    let client = client(&mesh.broker, AmqpResults::direct(&mesh.broker));
    let calls = (0..CALLS as i64).map(|a| {
        let client = client.clone();
        tokio::spawn(async move { Add { a, b: 1 }.call(&client, COMES).await })
    });
    let calls: Vec<_> = calls.collect();
    service.asked(CALLS).await;
    // Publishing to an exchange that is gone closes the channel.
    let (connection, channel) = Mesh::channel().await;
    let exchange = format!("{}-events", mesh.mark);
    let deleted = channel.exchange_delete(exchange.into(), Default::default());
    deleted.await.unwrap();
    let refused = mesh.broker.publish(&[event("order.paid", 1)]).await;
    assert!(
        matches!(&refused[0], Err(PublishError::Refused { reason, .. }) if reason.contains("NOT_FOUND")),
        "{refused:?}"
    );
    service.may_answer.add_permits(CALLS);
    let (mut told, mut answered) = (0, 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => answered += 1,
            Err(CallError::Backend(_)) => told += 1,
            Err(other) => panic!("{other}"),
        }
    }
    figures(format_args!(
        "one of two channels lost during {CALLS} calls: {told} told, {answered} answered"
    ));
    assert!(told > 0 && answered > 0, "{told} told, {answered} answered");
    connection.close(200, "done".into()).await.unwrap();
    mesh.remove(&[queue]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_is_given_up_stays_for_those_alone_who_wait_over_it() {
    let node = OwnNode::start();
    let service = Service::start(node.builder().build(), QUEUE).await;
    let proxy = Proxy::to(node.port).await;
    let url = format!("amqp://guest:guest@127.0.0.1:{}/%2f", proxy.port);
    let broker = AmqpBroker::builder(&url).unwrap();
    let broker = broker.window(1).confirm_timeout(Duration::from_secs(1));
    let broker = broker.build();
    let client = client(&broker, AmqpResults::direct(&broker));
    let calls = (0..2).map(|a| {
        let client = client.clone();
        tokio::spawn(async move { Add { a, b: 1 }.call(&client, COMES).await })
    });
    let calls: Vec<_> = calls.collect();
    service.asked(2).await;
    let before = channels(&node);
    for _ in 0..3 {
        proxy.set(Weather::Stalled);
        let (one, other) = ([event("mesh.add", 1)], [event("mesh.add", 2)]);
        let (one, other) = tokio::join!(broker.publish(&one), broker.publish(&other));
        assert!(one[0].is_err() && other[0].is_err(), "{one:?} {other:?}");
        proxy.set(Weather::Clear);
        // Over both lanes anew.
        let again = || publish_all(&broker, vec![event("mesh.add", 3)]);
        tokio::join!(again(), again());
    }
    service.may_answer.add_permits(Semaphore::MAX_PERMITS / 2);
    for (a, call) in calls.into_iter().enumerate() {
        let answer = call.await.unwrap().unwrap();
        assert_eq!(
            answer,
            Sum {
                result: a as i64 + 1
            }
        );
    }
    // The service has opened its own for the answers by now.
    eventually("none of those that were given up is open", async || {
        channels(&node) <= before + 2
    })
    .await;
}

/// How many are open.
fn channels(node: &OwnNode) -> usize {
    let told = tokio::task::block_in_place(|| node.tell(&["list_channels", "--silent", "pid"]));
    told.lines().filter(|line| line.starts_with('<')).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_for_answers_goes_with_its_last_owner() {
    let mesh = Mesh::new();
    let results = AmqpResults::new(&mesh.broker);
    let pending = results.expect(Uuid::new_v4()).await.unwrap();
    let queue = results.reply_to().unwrap();
    let (connection, _) = Mesh::channel().await;
    assert!(is_there(&connection, &queue).await);
    drop(results);
    assert!(is_there(&connection, &queue).await, "somebody waits");
    drop(pending);
    eventually("the queue is gone", async || {
        !is_there(&connection, &queue).await
    })
    .await;
    connection.close(200, "done".into()).await.unwrap();
    mesh.broker.close().await;
}

/// Whether there is this queue, be it another connection's own.
async fn is_there(connection: &Connection, queue: &str) -> bool {
    let channel = connection.create_channel().await.unwrap();
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel.queue_declare(queue.into(), passive, FieldTable::default());
    let error = declared.await.unwrap_err();
    match error.kind() {
        ErrorKind::ProtocolError(error) => {
            *error.kind() != AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND)
        }
        _ => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_on_though_rabbitmq_has_not_noticed_that_a_connection_is_lost() {
    let mesh = Mesh::new();
    let queue = mesh.name(QUEUE);
    let service = Service::start(Mesh::builder(&mesh.mark).build(), &queue).await;
    service.may_answer.add_permits(Semaphore::MAX_PERMITS / 2);
    let mut url = url::Url::parse(&support::url()).unwrap();
    let proxy = Proxy::to(url.port().unwrap()).await;
    url.set_port(Some(proxy.port)).unwrap();
    let broker = AmqpBroker::builder(url.as_str()).unwrap();
    let broker = broker.exchange(format!("{}-events", mesh.mark)).build();
    let results = AmqpResults::new(&broker);
    let client = client(&broker, results.clone());
    let call = async || Add { a: 1, b: 1 }.call(&client, COMES).await;
    assert_eq!(call().await.unwrap(), Sum { result: 2 });
    let before = results.reply_to();
    proxy.set(Weather::CutHere);
    eventually("it is noticed here", async || call().await.is_err()).await;
    proxy.set(Weather::Clear);
    // RabbitMQ's heartbeats take a minute or two.
    let again = eventually("a call is answered", async || call().await.is_ok());
    let again = tokio::time::timeout(Duration::from_secs(30), again).await;
    again.expect("it does not wait for RabbitMQ to notice");
    assert_ne!(results.reply_to(), before);
    proxy.set(Weather::Cut);
    mesh.remove(&[queue]).await;
}
