//! What an operator does with a queue's dead letters, and what a viewer of the exchange sees.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Mutex;
use std::time::Duration;

use celerysalt::broker::{
    Broker, BrokerError, Consumer, DeadLetters, DeadReason, DeadSelection, Delivery, QueueSpec,
};
use celerysalt::event::Envelope;
use celerysalt_amqp::{LookedThrough, Tail};
use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, QueueDeleteOptions};
use serde_json::json;
use uuid::Uuid;

use support::Mesh;
use support::load::{event, eventually, publish_all};

const PATIENCE: Duration = Duration::from_secs(30);

async fn declare(mesh: &Mesh, queue: &str) {
    let spec = QueueSpec {
        name: queue.to_owned(),
        bindings: vec!["order.#".to_owned()],
        max_priority: 10,
    };
    mesh.broker.declare(&spec).await.unwrap();
}

/// The next message of a queue.
async fn next(consumer: &mut dyn Consumer) -> Delivery {
    let next = tokio::time::timeout(PATIENCE, consumer.next()).await;
    next.expect("a message comes").unwrap()
}

/// Gives so many messages of a queue up; their ids.
async fn give_up(mesh: &Mesh, queue: &str, count: usize) -> Vec<Uuid> {
    let mut consumer = mesh.broker.consume(queue, 1).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..count {
        let delivery = next(&mut *consumer).await;
        let reason = DeadReason {
            handler: Some("send_receipt".to_owned()),
            attempts: 4,
            error: "no customer".to_owned(),
        };
        delivery.settle.dead_letter(reason).await.unwrap();
        delivery.settle.ack().await.unwrap();
        ids.push(delivery.envelope.id);
    }
    ids
}

async fn dead(mesh: &Mesh, queue: &str) -> Vec<Uuid> {
    let letters = mesh.broker.list(queue, &DeadSelection::All, 1_000).await;
    let letters = letters.unwrap().into_iter();
    letters.map(|letter| letter.envelope.id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_is_replayed_to_its_own_queue_alone() {
    let mesh = Mesh::new();
    let (mails, audit) = (mesh.name("mails"), mesh.name("audit"));
    declare(&mesh, &mails).await;
    declare(&mesh, &audit).await;
    let events: Vec<Envelope> = (1..=3).map(|n| event("order.paid", n)).collect();
    let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
    publish_all(&mesh.broker, events).await;
    assert_eq!(give_up(&mesh, &mails, 3).await, ids);
    assert_eq!(give_up(&mesh, &audit, 3).await, ids);

    let seen = Mutex::new(Vec::new());
    let these = DeadSelection::Events(vec![ids[0], ids[2]]);
    let watch = |look: LookedThrough| seen.lock().unwrap().push((look.looked, look.of));
    let replayed = mesh.broker.replay_dead(&mails, &these, &watch).await;
    assert_eq!(replayed.unwrap(), 2);
    assert_eq!(*seen.lock().unwrap(), [(1, 3), (2, 3), (3, 3)]);
    let mut consumer = mesh.broker.consume(&mails, 1).await.unwrap();
    for id in [ids[0], ids[2]] {
        let delivery = next(&mut *consumer).await;
        assert_eq!(delivery.envelope.id, id);
        delivery.settle.ack().await.unwrap();
    }
    assert_eq!(dead(&mesh, &mails).await, [ids[1]]);
    // A confirmed event is in every queue that it is for, so the other one's would be there by now.
    assert_eq!(Mesh::waiting(&audit).await, 0);
    assert_eq!(dead(&mesh, &audit).await, ids);
    drop(consumer);
    mesh.remove(&[mails, audit]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_that_cannot_be_replayed_stay() {
    // More than are replayed at once.
    const LETTERS: usize = 300;
    let mesh = Mesh::new();
    let queue = mesh.name("svc");
    declare(&mesh, &queue).await;
    let events = (0..LETTERS).map(|n| event("order.paid", n)).collect();
    publish_all(&mesh.broker, events).await;
    let ids = give_up(&mesh, &queue, LETTERS).await;
    let (connection, channel) = Mesh::channel().await;
    let deleted = channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default());
    deleted.await.unwrap();

    let refused = mesh.broker.replay(&queue, &DeadSelection::All).await;
    let error = refused.unwrap_err();
    assert!(
        matches!(&error, BrokerError::Queue { queue: named, .. } if *named == queue),
        "{error:?}"
    );
    eventually("the letters are back", async || {
        dead(&mesh, &queue).await == ids
    })
    .await;
    declare(&mesh, &queue).await;
    let replayed = mesh.broker.replay(&queue, &DeadSelection::All).await;
    assert_eq!(replayed.unwrap(), LETTERS);
    assert!(dead(&mesh, &queue).await.is_empty());
    let mut consumer = mesh.broker.consume(&queue, 50).await.unwrap();
    for id in ids {
        let delivery = next(&mut *consumer).await;
        assert_eq!(delivery.envelope.id, id);
        delivery.settle.ack().await.unwrap();
    }
    connection.close(200, "done".into()).await.unwrap();
    drop(consumer);
    mesh.remove(&[queue]).await;
}

async fn see(tail: &mut Tail) -> Envelope {
    let next = tokio::time::timeout(PATIENCE, tail.next()).await;
    next.expect("an event comes").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_sees_what_matches_in_order_and_whatever_it_is() {
    let mesh = Mesh::new();
    let queue = mesh.name("svc");
    declare(&mesh, &queue).await;
    let mut tail = mesh.broker.tail("order.*").await.unwrap();
    // A viewer that turns away meanwhile loses nothing.
    let away = tokio::time::timeout(Duration::from_millis(1), tail.next()).await;
    assert!(away.is_err(), "{away:?}");
    let topic = |number| match number % 7 {
        0 => "order.paid.late",
        _ => "order.paid",
    };
    let events: Vec<Envelope> = (1..=700).map(|n| event(topic(n), n)).collect();
    publish_all(&mesh.broker, events.clone()).await;
    for expected in events.iter().filter(|event| event.topic == "order.paid") {
        assert_eq!(see(&mut tail).await.id, expected.id);
    }

    let (connection, channel) = Mesh::channel().await;
    let exchange = format!("{}-events", mesh.mark);
    let sent = channel.basic_publish(
        exchange.into(),
        "order.poison".into(),
        BasicPublishOptions::default(),
        b"{no event",
        BasicProperties::default(),
    );
    sent.await.unwrap();
    let poison = see(&mut tail).await;
    assert_eq!(
        (poison.topic.as_str(), poison.payload),
        ("order.poison", json!({"undecodable": "{no event"}))
    );
    connection.close(200, "done".into()).await.unwrap();

    // What a viewer is owed when its connection goes is an error, not silence.
    mesh.broker.close().await;
    let lost = tokio::time::timeout(PATIENCE, tail.next()).await;
    let lost = lost.expect("it ends").unwrap_err();
    assert!(matches!(lost, BrokerError::Unreachable { .. }), "{lost:?}");
    mesh.remove(&[queue]).await;
}
