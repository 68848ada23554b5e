//! A worker of several queues on RabbitMQ.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::{DeadLetters, DeadSelection};
use celerysalt::handler::{HandlerDef, HandlerError};
use celerysalt::worker::Worker;
use lapin::options::QueueDeleteOptions;
use support::Mesh;
use support::load::{Running, Tally, define, event, eventually, publish_all};
use support::tries::Tries;
use uuid::Uuid;

const DELAY: Duration = Duration::from_secs(1);

fn at(queue: &str, mut handler: HandlerDef) -> HandlerDef {
    handler.options.queue = Some(queue.to_owned());
    handler
}

fn named(name: &str, handler: HandlerDef) -> HandlerDef {
    HandlerDef {
        name: name.to_owned(),
        ..handler
    }
}

async fn declare(mesh: &Mesh, queue: &str, handlers: Vec<HandlerDef>) {
    let worker = Worker::builder(Arc::new(mesh.broker.clone()), queue)
        .handlers(handlers)
        .build()
        .unwrap();
    worker.declare().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_queue_has_its_own_events_retries_and_dead_letters() {
    let mesh = Mesh::new();
    let (own, slow) = (mesh.name("svc"), mesh.name("slow"));
    let (mails, reports, tries) = (Tally::default(), Tally::default(), Tries::default());
    let refuses = define("refuses", "order.paid", Default::default(), |_| {
        Err(HandlerError::reject("no"))
    });
    let handlers = || {
        vec![
            named("mail", mails.handler("order.#")),
            at(&slow, named("report", reports.handler("order.*"))),
            at(&slow, tries.flaky("order.paid", DELAY)),
            at(&slow, refuses.clone()),
        ]
    };
    declare(&mesh, &own, handlers()).await;
    let event = event("order.paid", 1);
    publish_all(&mesh.broker, vec![event.clone()]).await;
    assert_eq!(
        (Mesh::waiting(&own).await, Mesh::waiting(&slow).await),
        (1, 1)
    );

    let worker = Running::start(&mesh.broker, &own, handlers());
    eventually("the retry", async || tries.all().len() == 2).await;
    worker.stop().await;
    assert_eq!((mails.times(event.id), reports.times(event.id)), (1, 1));
    let dead = async |queue: &str| {
        mesh.broker
            .list(queue, &DeadSelection::All, 9)
            .await
            .unwrap()
    };
    let letters = dead(&slow).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].reason.handler.as_deref(), Some("refuses"));
    assert_eq!(letters[0].origin, slow);
    assert_eq!(dead(&own).await.len(), 0);
    assert_eq!(
        (Mesh::waiting(&own).await, Mesh::waiting(&slow).await),
        (0, 0)
    );
    mesh.remove(&[own, slow]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_moves_to_another_queue_loses_nothing() {
    let mesh = Mesh::new();
    let (own, slow) = (mesh.name("svc"), mesh.name("slow"));
    let (mails, reports) = (Tally::default(), Tally::default());
    let mail = || named("mail", mails.handler("mail.#"));
    let report = || named("report", reports.handler("order.*"));
    declare(&mesh, &own, vec![mail(), report()]).await;
    let before: Vec<_> = (0..20).map(|n| event("order.paid", n)).collect();
    publish_all(&mesh.broker, before.clone()).await;

    let worker = Running::start(&mesh.broker, &own, vec![mail(), at(&slow, report())]);
    let mut expected: BTreeSet<Uuid> = before.iter().map(|event| event.id).collect();
    reports.until(&expected).await;
    worker.stop().await;
    let after: Vec<_> = (0..20).map(|n| event("order.paid", n)).collect();
    publish_all(&mesh.broker, after.clone()).await;
    assert_eq!(
        (Mesh::waiting(&own).await, Mesh::waiting(&slow).await),
        (0, 20)
    );

    let worker = Running::start(&mesh.broker, &own, vec![mail(), at(&slow, report())]);
    expected.extend(after.iter().map(|event| event.id));
    reports.until(&expected).await;
    worker.stop().await;
    assert_eq!((reports.events(), reports.again()), (40, 0));
    mesh.remove(&[own, slow]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_deleted_comes_back_while_the_other_goes_on() {
    let mesh = Mesh::new();
    let (own, slow) = (mesh.name("svc"), mesh.name("slow"));
    let (mails, reports) = (Tally::default(), Tally::default());
    let handlers = vec![
        named("mail", mails.handler("mail.*")),
        at(&slow, named("report", reports.handler("order.*"))),
    ];
    declare(&mesh, &own, handlers.clone()).await;
    let worker = Running::start(&mesh.broker, &own, handlers);
    let publish = async |topic: &str| {
        let event = event(topic, 1);
        publish_all(&mesh.broker, vec![event.clone()]).await;
        event.id
    };
    let first = publish("order.paid").await;
    reports.until(&BTreeSet::from([first])).await;

    let (connection, channel) = Mesh::channel().await;
    let deleted = channel.queue_delete(slow.as_str().into(), QueueDeleteOptions::default());
    deleted.await.unwrap();
    connection.close(200, "done".into()).await.unwrap();
    let mail = publish("mail.sent").await;
    mails.until(&BTreeSet::from([mail])).await;
    // Refused as unroutable, and published again, until the queue is there.
    let second = publish("order.paid").await;
    reports.until(&BTreeSet::from([second])).await;
    eventually("nothing is left", async || Mesh::waiting(&slow).await == 0).await;
    worker.stop().await;
    mesh.remove(&[own, slow]).await;
}
