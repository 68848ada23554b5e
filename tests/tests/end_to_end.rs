//! The whole way on each database: save → rule → outbox → relay → typed subscriber, with retries and dead letters.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use celerysalt::outbox::Relay;
use celerysalt::prelude::*;
use celerysalt::worker::InProcess;
use celerysalt_tests::databases::TestDatabase;
use celerysalt_tests::order::OrderPaid;
use celerysalt_tests::outcome::outbox;
use celerysalt_tests::save::{self, Act, Path};
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
    a_saved_order_reaches_its_subscriber(TestDatabase::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_order_reaches_its_subscriber_postgres() {
    a_saved_order_reaches_its_subscriber(TestDatabase::postgres().await).await;
}

async fn a_saved_order_reaches_its_subscriber(database: TestDatabase) {
    Catalog::global().unwrap().expect(["order.paid"]).unwrap();
    let db = database.connect().await;
    let (seen, mut events) = mpsc::unbounded_channel();
    let handlers = InProcess::builder().state::<Seen>(seen).build().unwrap();
    let relay = Relay::builder(outbox(&db), Arc::new(handlers)).build();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(async move { relay.run(async { drop(stopped.await) }).await });

    for path in save::PATHS {
        let id = Uuid::new_v4();
        save::prepare(&db, Act::Pay, id).await;
        save::save(&db, path, Act::Pay, id).await.unwrap();
        assert_retried_once(&mut events, path, id).await;
    }

    stop.send(()).unwrap();
    running.await.unwrap();
    let status = outbox(&db).status().await.unwrap();
    let paths = u64::try_from(save::PATHS.len()).unwrap();
    assert_eq!(
        (status.pending, status.delivered, status.dead),
        (0, paths, 0)
    );
    db.close().await.unwrap();
    database.drop_database().await;
}

/// The event arrives, its handler fails, and the same event arrives again.
async fn assert_retried_once(
    events: &mut mpsc::UnboundedReceiver<(OrderPaid, Uuid, u32)>,
    path: Path,
    id: Uuid,
) {
    let mut arrivals = Vec::new();
    for expected_retries in 0..2 {
        let arrival = tokio::time::timeout(Duration::from_secs(60), events.recv()).await;
        let (paid, event, retries) = arrival
            .unwrap_or_else(|_| panic!("{path:?}: nothing arrived"))
            .unwrap();
        assert_eq!((paid.order_id, retries), (id, expected_retries), "{path:?}");
        assert_eq!(paid.amount.to_string(), "99.90", "{path:?}");
        arrivals.push(event);
    }
    assert_eq!(
        arrivals[0], arrivals[1],
        "{path:?}: one id over every delivery"
    );
}
