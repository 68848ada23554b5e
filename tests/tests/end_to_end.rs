//! The whole way on each database: save → rule → outbox → relay → typed subscriber, with retries and dead letters.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use celerysalt::outbox::Relay;
use celerysalt::prelude::*;
use celerysalt::worker::InProcess;
use celerysalt_tests::act::{Act, Form};
use celerysalt_tests::adapters::{self, Adapter};
use celerysalt_tests::bench::Bench;
use celerysalt_tests::databases::{Kind, TestDatabase, outbox};
use celerysalt_tests::events::OrderPaid;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// What the subscriber saw: the event, its id, and how often it had failed before.
type Seen = mpsc::UnboundedSender<(OrderPaid, Uuid, u32)>;

#[derive(Debug, thiserror::Error)]
#[error("the mail server is away")]
struct MailServerAway;

#[subscribe("order.paid", autoretry_for = [MailServerAway], default_retry_delay = 0, max_retries = 2)]
async fn send_receipt(
    paid: OrderPaid,
    EventId(id): EventId,
    Retries(retries): Retries,
    State(seen): State<Seen>,
) -> Result<(), MailServerAway> {
    seen.send((paid, id, retries)).expect("the test listens");
    if retries == 0 {
        Err(MailServerAway)
    } else {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_order_reaches_its_subscriber_sqlite() {
    a_saved_order_reaches_its_subscriber(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_order_reaches_its_subscriber_postgres() {
    a_saved_order_reaches_its_subscriber(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_order_reaches_its_subscriber_mariadb() {
    a_saved_order_reaches_its_subscriber(Kind::MariaDb).await;
}

async fn a_saved_order_reaches_its_subscriber(kind: Kind) {
    Catalog::global().unwrap().expect(["order.paid"]).unwrap();
    let knows = |adapter: &&Adapter| adapter.databases.contains(&kind);
    for adapter in adapters::ALL.iter().filter(knows) {
        reaches_its_subscriber(*adapter, kind).await;
    }
}

async fn reaches_its_subscriber(adapter: Adapter, kind: Kind) {
    let database = TestDatabase::new(kind, (adapter.tables)(kind)).await;
    let bench = Bench::open(adapter, kind, database.url.clone(), None).await;
    let (seen, mut events) = mpsc::unbounded_channel();
    let handlers = InProcess::builder().state::<Seen>(seen).build().unwrap();
    let db = database.connect().await;
    let relay = Relay::builder(outbox(&db), Arc::new(handlers)).build();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(async move { relay.run(async { drop(stopped.await) }).await });

    let order = Act::Pay.prepare(&bench).await;
    let pay = Act::Pay.run(&*bench.fixture, Form::Alone, order.id);
    pay.await.unwrap();
    assert_retried_once(&mut events, adapter.name, order.id).await;

    stop.send(()).unwrap();
    running.await.unwrap();
    let status = outbox(&db).status().await.unwrap();
    assert_eq!((status.pending, status.delivered, status.dead), (0, 1, 0));
    db.close().await.unwrap();
    bench.close().await;
    database.drop_database().await;
}

/// The event arrives, its handler fails, and the same event arrives again.
async fn assert_retried_once(
    events: &mut mpsc::UnboundedReceiver<(OrderPaid, Uuid, u32)>,
    adapter: &str,
    id: Uuid,
) {
    let mut arrivals = Vec::new();
    for expected_retries in 0..2 {
        let arrival = tokio::time::timeout(Duration::from_secs(60), events.recv()).await;
        let (paid, event, retries) = arrival
            .unwrap_or_else(|_| panic!("{adapter}: nothing arrived"))
            .unwrap();
        assert_eq!(
            (paid.order_id, retries),
            (id, expected_retries),
            "{adapter}"
        );
        assert_eq!(paid.amount, "99.90".parse().unwrap(), "{adapter}");
        arrivals.push(event);
    }
    assert_eq!(
        arrivals[0], arrivals[1],
        "{adapter}: one id over every delivery"
    );
}
