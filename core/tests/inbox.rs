//! Receipts: the same in every delivery of an event to a handler, whatever worker runs it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use celerysalt::outbox::{MemoryOutbox, OutboxStore, Relay};
use celerysalt::prelude::*;
use celerysalt::testing::{TestBus, TestClock};
use celerysalt::worker::InProcess;

/// A parcel was packed.
#[event("inbox.packed")]
pub struct Packed {
    /// Which.
    pub parcel: u64,
}

/// What a database would hold: how often each receipt's work was committed, and was found done.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<BTreeMap<String, (u32, u32)>>>);

impl Ledger {
    fn once(&self, receipt: &Receipt) -> Once<u32> {
        let mut ledger = self.0.lock().unwrap();
        let (done, seen) = ledger.entry(receipt.to_string()).or_default();
        match *done {
            0 => {
                *done += 1;
                Once::Done(*done)
            }
            _ => {
                *seen += 1;
                Once::Seen
            }
        }
    }

    /// Of every receipt, how often its work was done and found done.
    fn counts(&self, event: uuid::Uuid) -> Vec<(String, (u32, u32))> {
        let prefix = format!("event {event} at handler ");
        let ledger = self.0.lock().unwrap();
        let named = ledger
            .iter()
            .map(|(name, counts)| (name.strip_prefix(&prefix).unwrap().to_owned(), *counts));
        named.collect()
    }
}

/// Commits its work and fails before its delivery is acknowledged; then finds it done.
#[subscribe("inbox.packed", name = "ship", max_retries = 3)]
async fn ship(
    _: Packed,
    receipt: Receipt,
    Retries(retries): Retries,
    State(ledger): State<Ledger>,
) -> Result<Once<u32>, HandlerError> {
    let outcome = ledger.once(&receipt);
    match retries {
        0 => Err(HandlerError::retry("the connection is lost")),
        _ => Ok(outcome),
    }
}

#[subscribe("inbox.packed", name = "bill")]
fn bill(receipt: Receipt, State(ledger): State<Ledger>) -> Once<u32> {
    ledger.once(&receipt)
}

fn expected() -> Vec<(String, (u32, u32))> {
    vec![("`bill`".to_owned(), (1, 0)), ("`ship`".to_owned(), (1, 1))]
}

#[tokio::test]
async fn a_redelivery_at_a_queue_finds_its_receipt() {
    let ledger = Ledger::default();
    let bus = TestBus::builder()
        .state(ledger.clone())
        .build()
        .await
        .unwrap();
    let id = bus.publish(&Packed { parcel: 1 }).await.unwrap();
    bus.run_until_idle().await;
    bus.advance(Duration::from_secs(180)).await;
    assert_eq!(ledger.counts(id), expected());
    assert!(bus.dead_letters().await.is_empty());
}

#[tokio::test]
async fn a_redelivery_in_the_process_finds_its_receipt() {
    let (ledger, clock) = (Ledger::default(), TestClock::new());
    let outbox = Arc::new(MemoryOutbox::new());
    let publisher = Publisher::to_outbox(outbox.clone()).with_clock(Arc::new(clock.clone()));
    let id = Packed { parcel: 1 }.publish(&publisher).await.unwrap();
    let handlers = InProcess::builder()
        .clock(Arc::new(clock.clone()))
        .state(ledger.clone())
        .build()
        .unwrap();
    let relay = Relay::builder(outbox.clone(), Arc::new(handlers))
        .clock(Arc::new(clock.clone()))
        .build();
    relay.drain().await.unwrap();
    clock.advance(Duration::from_secs(180));
    relay.drain().await.unwrap();
    assert_eq!(ledger.counts(id), expected());
    assert_eq!(outbox.status().await.unwrap().delivered, 1);
}

#[test]
fn an_outcome_answers_as_what_the_work_gave() {
    let done = serde_json::to_string(&Once::Done(7)).unwrap();
    let seen = serde_json::to_string(&Once::<u32>::Seen).unwrap();
    assert_eq!((done.as_str(), seen.as_str()), ("7", "null"));
    assert_eq!(Once::Done(7).done(), Some(7));
    assert!(Once::<u32>::Seen.is_seen());
}
