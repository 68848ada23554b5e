//! Nothing waits for ever, and no name makes anything panic.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::time::Duration;

use celerysalt::broker::{
    Broker, BrokerError, DeadLetters, DeadReason, DeadSelection, PublishError, QueueSpec,
};
use celerysalt::rpc::ResultBackend;
use celerysalt_amqp::{AmqpBroker, AmqpBuilder, AmqpResults, LookedThrough};
use support::Mesh;
use support::load::{event, eventually, publish_all};
use support::proxy::{Proxy, Weather};
use tokio::runtime::{Handle, Runtime};
use tokio::task::block_in_place;
use tokio::time::timeout;
use uuid::Uuid;

/// How long RabbitMQ may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// Much longer than that, and than a busy machine takes.
const BOUND: Duration = Duration::from_secs(30);

fn spec(queue: &str) -> QueueSpec {
    QueueSpec {
        name: queue.to_owned(),
        bindings: vec!["order.#".to_owned()],
        max_priority: 10,
    }
}

/// A broker of the mesh behind a network of the test's own.
async fn behind_proxy(mesh: &Mesh) -> (AmqpBroker, Proxy) {
    let mut url = url::Url::parse(&support::url()).unwrap();
    let proxy = Proxy::to(url.port().unwrap()).await;
    url.set_port(Some(proxy.port)).unwrap();
    let broker = AmqpBroker::builder(url.as_str()).unwrap();
    let broker = broker
        .exchange(format!("{}-events", mesh.mark))
        .connect_timeout(ANSWERS_WITHIN)
        .build();
    (broker, proxy)
}

/// What is asked for at a network that stalls from a word on ends, and as it should.
async fn stalls(
    mesh: &Mesh,
    at: &'static str,
    ask: impl AsyncFnOnce(AmqpBroker) -> Result<(), String>,
) {
    let (broker, proxy) = behind_proxy(mesh).await;
    proxy.set(Weather::StalledAt(at));
    let ended = timeout(BOUND, ask(broker)).await;
    let ended = ended.unwrap_or_else(|_| panic!("stalled at `{at}` it waits for ever"));
    let error = ended.unwrap_err();
    assert!(error.contains("no answer within 2s"), "{at}: {error}");
}

fn unreachable<T>(result: Result<T, BrokerError>) -> Result<(), String> {
    match result {
        Err(BrokerError::Unreachable { reason }) => Err(reason),
        Err(error) => panic!("{error:?}"),
        Ok(_) => Ok(()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_of_a_stalled_network_ends_as_unreachable() {
    let mesh = Mesh::new();
    let queue = mesh.name("svc");
    mesh.broker.declare(&spec(&queue)).await.unwrap();
    stalls(&mesh, "celerysalt_delayed", async |broker| {
        unreachable(broker.declare(&spec(&queue)).await)
    })
    .await;
    stalls(&mesh, "svc-", async |broker| {
        unreachable(broker.declare(&spec(&queue)).await)
    })
    .await;
    stalls(&mesh, "svc-", async |broker| {
        unreachable(broker.consume(&queue, 1).await)
    })
    .await;
    stalls(&mesh, ".dead", async |broker| {
        unreachable(broker.list(&queue, &DeadSelection::All, 10).await)
    })
    .await;
    stalls(&mesh, "celerysalt.tail", async |broker| {
        unreachable(broker.tail("order.#").await)
    })
    .await;
    stalls(&mesh, "-events", async |broker| {
        let published = broker.publish(&[event("order.paid", 1)]).await.remove(0);
        published.map_err(|error| error.to_string())
    })
    .await;
    stalls(&mesh, "celerysalt.reply", async |broker| {
        let expected = AmqpResults::new(&broker).expect(Uuid::new_v4()).await;
        expected.map(drop).map_err(|error| error.to_string())
    })
    .await;
    mesh.remove(&[queue]).await;
}

/// A mesh with a queue, in which two events wait.
async fn with_two_events() -> (Mesh, String) {
    let mesh = Mesh::new();
    let queue = mesh.name("svc");
    mesh.broker.declare(&spec(&queue)).await.unwrap();
    let events = vec![event("order.paid", 1), event("order.paid", 2)];
    publish_all(&mesh.broker, events).await;
    (mesh, queue)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_was_given_up_holds_nothing() {
    let (mesh, queue) = with_two_events().await;
    let (broker, proxy) = behind_proxy(&mesh).await;
    proxy.set(Weather::StalledAt("svc-"));
    let given_up = broker.consume(&queue, 1).await;
    unreachable(given_up).unwrap_err();
    // What was asked comes true now.
    proxy.set(Weather::Clear);
    let mut consumer = broker.consume(&queue, 1).await.unwrap();
    for _ in 0..2 {
        let next = timeout(BOUND, consumer.next()).await;
        let delivery = next.expect("nobody else holds it").unwrap();
        delivery.settle.ack().await.unwrap();
    }
    broker.close().await;
    mesh.remove(&[queue]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_stops_on_a_stalled_network_and_what_it_had_goes_back() {
    let (mesh, queue) = with_two_events().await;
    let (broker, proxy) = behind_proxy(&mesh).await;
    let mut consumer = broker.consume(&queue, 10).await.unwrap();
    let held = timeout(BOUND, consumer.next()).await.unwrap().unwrap();
    proxy.set(Weather::Stalled);
    timeout(BOUND, consumer.stop()).await.expect("it stops");
    // The channel was given up, and RabbitMQ hears of it now.
    proxy.set(Weather::Clear);
    let mut other = mesh.broker.consume(&queue, 10).await.unwrap();
    for _ in 0..2 {
        let next = timeout(BOUND, other.next()).await;
        let delivery = next.expect("nobody else holds it").unwrap();
        delivery.settle.ack().await.unwrap();
    }
    drop((held, other));
    broker.close().await;
    mesh.remove(&[queue]).await;
}

#[test]
fn a_broker_whose_first_runtime_has_ended_publishes_from_another() {
    let first = Runtime::new().unwrap();
    let mesh = Mesh::with(|builder| builder.connect_timeout(ANSWERS_WITHIN));
    let queue = mesh.name("svc");
    first.block_on(async {
        mesh.broker.declare(&spec(&queue)).await.unwrap();
        publish_all(&mesh.broker, vec![event("order.paid", 1)]).await;
    });
    drop(first);
    Runtime::new().unwrap().block_on(async {
        let published = publish_all(&mesh.broker, vec![event("order.paid", 2)]);
        timeout(BOUND, published).await.expect("it ends");
        mesh.remove(&[queue]).await;
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_that_come_back_do_not_count_as_purged() {
    let mesh = Mesh::new();
    let queue = mesh.name("svc");
    mesh.broker.declare(&spec(&queue)).await.unwrap();
    publish_all(&mesh.broker, vec![event("order.paid", 1)]).await;
    let mut consumer = mesh.broker.consume(&queue, 1).await.unwrap();
    let delivery = timeout(BOUND, consumer.next()).await.unwrap().unwrap();
    let reason = DeadReason {
        handler: None,
        attempts: 1,
        error: "no customer".to_owned(),
    };
    delivery.settle.dead_letter(reason).await.unwrap();
    delivery.settle.ack().await.unwrap();

    let (runtime, broker) = (Handle::current(), mesh.broker.clone());
    let lose = |_: LookedThrough| block_in_place(|| runtime.block_on(broker.close()));
    let purged = mesh.broker.purge_dead(&queue, &DeadSelection::All, &lose);
    let error = purged.await.unwrap_err();
    assert!(matches!(error, BrokerError::Unreachable { .. }), "{error}");
    eventually("the letter is back", async || {
        let letters = mesh.broker.list(&queue, &DeadSelection::All, 10).await;
        letters.unwrap().len() == 1
    })
    .await;
    mesh.remove(&[queue]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_are_too_long_are_told() {
    let long = "n".repeat(300);
    let with = |set: fn(AmqpBuilder, String) -> AmqpBuilder| {
        let builder = AmqpBroker::builder(&support::url()).unwrap();
        set(builder, "n".repeat(300)).build()
    };
    let told = |error: BrokerError| {
        let BrokerError::Queue { queue, reason } = &error else {
            panic!("{error:?}");
        };
        assert!(queue.len() < 50 || reason.contains("take 1 to"), "{error}");
        assert!(reason.contains(" bytes"), "{error}");
    };
    let plain = with(|builder, service| builder.service(service));
    told(plain.declare(&spec(&long)).await.unwrap_err());
    told(plain.consume(&long, 1).await.map(drop).unwrap_err());
    told(plain.tail(&long).await.map(drop).unwrap_err());
    for asked in [
        plain.list(&long, &DeadSelection::All, 1).await.map(drop),
        plain.purge(&long, &DeadSelection::All).await.map(drop),
        plain.replay(&long, &DeadSelection::All).await.map(drop),
    ] {
        told(asked.unwrap_err());
    }
    let exchange = with(AmqpBuilder::exchange);
    told(exchange.declare(&spec("never-declared")).await.unwrap_err());
    told(exchange.tail("#").await.map(drop).unwrap_err());
    let refused = exchange.publish(&[event("order.paid", 1)]).await.remove(0);
    let refused = refused.unwrap_err();
    assert!(
        matches!(&refused, PublishError::Refused { reason, .. } if reason.contains("300 bytes")),
        "{refused}"
    );
    let delays = with(AmqpBuilder::delay_prefix);
    told(delays.declare(&spec("never-declared")).await.unwrap_err());
    told(
        delays
            .consume("never-declared", 1)
            .await
            .map(drop)
            .unwrap_err(),
    );
    for broker in [plain, exchange, delays] {
        broker.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vhost_that_is_not_there_is_told_with_what_to_compare() {
    let mut url: url::Url = support::url().parse().unwrap();
    url.set_path("nobody-made-it");
    let broker = AmqpBroker::builder(url.as_str()).unwrap().build();
    let error = broker.declare(&spec("svc")).await.unwrap_err();
    let BrokerError::Unreachable { reason } = &error else {
        panic!("{error:?}")
    };
    assert!(reason.contains("/nobody-made-it: "), "{reason}");
    assert!(
        reason.contains("compare user, password and vhost"),
        "{reason}"
    );
}
