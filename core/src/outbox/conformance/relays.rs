//! Several relays on one store.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;

use super::super::{DeadLetterStore, Destination, OutboxEvent, Relay, Settlement, SharedOutbox};
use super::{again, delivered, event, number};

/// Takes down what it delivers; fails now and then.
#[derive(Default)]
struct Witness {
    seen: Mutex<HashMap<Option<String>, Vec<u64>>>,
    calls: AtomicU64,
}

#[async_trait]
impl Destination for Witness {
    async fn deliver(&self, batch: Vec<OutboxEvent>) -> Vec<Settlement> {
        let mut refused = HashSet::new();
        let mut settlements = Vec::new();
        for event in batch {
            let call = self.calls.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            let key = event.envelope.meta.aggregate.clone();
            if refused.contains(&key) || call % 7 == 3 {
                refused.insert(key);
                settlements.push(again(Utc::now()));
                continue;
            }
            let mut seen = self.seen.lock().unwrap();
            seen.entry(key).or_default().push(number(&event));
            settlements.push(delivered());
        }
        settlements
    }
}

/// Four relays on one store, on the machine's clock: each event once, each aggregate in order.
pub async fn relays_side_by_side_keep_order(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    const AGGREGATES: u64 = 20;
    const EVENTS: u64 = 15;
    let witness = Arc::new(Witness::default());
    let stop = Arc::new(tokio::sync::Semaphore::new(0));
    let relays: Vec<_> = (0..4)
        .map(|_| {
            let relay = Relay::builder(Arc::clone(&store), witness.clone())
                .clock(Arc::new(crate::clock::SystemClock))
                .batch(7)
                .poll(Duration::from_millis(2))
                .build();
            let stop = Arc::clone(&stop);
            tokio::spawn(async move {
                relay
                    .run(async { stop.acquire().await.unwrap().forget() })
                    .await;
            })
        })
        .collect();
    for number in 0..EVENTS {
        let keys = (0..AGGREGATES).map(|a| format!("order:{a}"));
        let events: Vec<_> = keys.map(|key| event(&key, number)).collect();
        store.append(&events, Utc::now()).await.unwrap();
    }
    while store.status().await.unwrap().pending > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.add_permits(relays.len());
    for relay in relays {
        relay.await.unwrap();
    }
    let seen = witness.seen.lock().unwrap();
    assert_eq!(seen.len() as u64, AGGREGATES);
    for (aggregate, numbers) in &*seen {
        assert_eq!(*numbers, (0..EVENTS).collect::<Vec<_>>(), "{aggregate:?}");
    }
}
