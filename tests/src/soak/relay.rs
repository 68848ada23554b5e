//! A relay whose destination is a journal.

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use celerysalt::outbox::{Destination, OutboxEvent, Progress, Relay, Settlement};
use chrono::{TimeDelta, Utc};
use sea_orm::DatabaseConnection;
use serde_json::{Value, json};

use super::journal::{self, Journal};
use super::verdict::{Delivery, Happening};
use crate::act::later;
use crate::databases::outbox;

/// Short, since relays die here every few seconds, and what they had claimed waits for its end.
const LEASE: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(200);

/// One event in so many is refused, to come again.
const REFUSALS: u32 = 200;
const REFUSED_FOR: TimeDelta = TimeDelta::milliseconds(300);

/// Relays until the process dies.
pub async fn run(db: &DatabaseConnection, journal: Journal) {
    let destination = ToJournal {
        journal,
        refuses: true,
    };
    let relay = Relay::builder(outbox(db), Arc::new(destination))
        .lease(LEASE)
        .poll(POLL)
        .build();
    relay.run(pending()).await;
}

/// Delivers what is left, the claims of dead relays included.
pub async fn deliver_the_rest(db: &DatabaseConnection, journal: Journal) {
    let destination = ToJournal {
        journal,
        refuses: false,
    };
    let relay = Relay::builder(outbox(db), Arc::new(destination))
        .clock(later())
        .build();
    relay.drain().await.unwrap();
}

/// What a journal tells of deliveries, in their order; lines that a kill cut off were never confirmed.
pub fn deliveries(text: &str) -> Vec<Delivery> {
    journal::lines(text).filter_map(parse).collect()
}

struct ToJournal {
    journal: Journal,
    refuses: bool,
}

#[async_trait]
impl Destination for ToJournal {
    async fn deliver(&self, batch: Vec<OutboxEvent>) -> Vec<Settlement> {
        let mut lines = Vec::new();
        let mut held_back: HashSet<Option<String>> = HashSet::new();
        let mut settlements = Vec::new();
        for event in &batch {
            let aggregate = &event.envelope.meta.aggregate;
            settlements.push(if held_back.contains(aggregate) {
                again(false)
            } else if self.refuses && rand::random_range(0..REFUSALS) == 0 {
                held_back.insert(aggregate.clone());
                again(true)
            } else {
                lines.push(line(event));
                Settlement::Delivered { dead: Vec::new() }
            });
        }
        let lines = lines.iter().map(String::as_str);
        self.journal.append(lines).unwrap();
        settlements
    }
}

fn again(counts: bool) -> Settlement {
    Settlement::Again {
        at: Utc::now() + REFUSED_FOR,
        error: "refused now and then".to_owned(),
        progress: Progress::default(),
        dead: Vec::new(),
        counts,
    }
}

fn line(event: &OutboxEvent) -> String {
    let envelope = &event.envelope;
    json!({"event": envelope.id, "topic": envelope.topic, "payload": envelope.payload}).to_string()
}

fn parse(line: &str) -> Option<Delivery> {
    let line: Value = serde_json::from_str(line).ok()?;
    let payload = line.get("payload")?;
    let text = |key: &str| payload.get(key)?.as_str();
    let detail = match (text("from"), text("to"), text("ticket")) {
        (Some(from), Some(to), _) => format!("{from} to {to}"),
        (_, _, ticket) => ticket.unwrap_or_default().to_owned(),
    };
    Some(Delivery {
        event: line.get("event")?.as_str()?.parse().ok()?,
        happening: Happening {
            order: payload.get("order")?.as_i64()?,
            revision: payload.get("revision")?.as_i64()?,
            topic: line.get("topic")?.as_str()?.to_owned(),
            detail,
        },
    })
}

#[cfg(test)]
mod tests {
    use celerysalt::event::{Envelope, Meta};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_delivery_is_read_as_it_was_written() {
        let id = Uuid::now_v7();
        let envelope = Envelope {
            id,
            topic: "soak.moved".into(),
            version: None,
            payload: json!({"order": 7, "revision": 8, "from": "pending", "to": "paid"}),
            meta: Meta::default(),
        };
        let line = line(&OutboxEvent::new(envelope, Utc::now(), Uuid::new_v4()));
        let text = format!("\n{line}\n\n{}", &line[..40]);
        let deliveries = deliveries(&text);
        assert_eq!(deliveries.len(), 1);
        assert_eq!(deliveries[0].event, id);
        let expected = Happening {
            order: 7,
            revision: 8,
            topic: "soak.moved".to_owned(),
            detail: "pending to paid".to_owned(),
        };
        assert_eq!(deliveries[0].happening, expected);
    }
}
