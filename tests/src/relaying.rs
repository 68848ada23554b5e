//! A relay that delivers to a handler of this process, which writes down what it got.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use celerysalt::clock::SharedClock;
use celerysalt::event::{Envelope, Meta};
use celerysalt::handler::{HandlerDef, HandlerOptions, VersionSpec};
use celerysalt::outbox::Relay;
use celerysalt::worker::{InProcess, handler_fn};
use chrono::Utc;
use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::boundary::kill_self;
use crate::databases::outbox;

/// Delivers all that is due to a handler that appends `aggregate number id` to a file.
pub async fn drain_into(db: &DatabaseConnection, journal: PathBuf, clock: SharedClock) {
    drain_and_die(db, journal, clock, u64::MAX).await;
}

/// Like [`drain_into`], but the process SIGKILLs itself in the handler of event number `n` (from 1).
pub async fn drain_and_die(db: &DatabaseConnection, journal: PathBuf, clock: SharedClock, n: u64) {
    let handled = AtomicU64::new(0);
    let write_down = handler_fn(move |cx| {
        if handled.fetch_add(1, Ordering::SeqCst) + 1 == n {
            kill_self();
        }
        let line = line(&cx.envelope);
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&journal)
            .unwrap();
        file.write_all(line.as_bytes()).unwrap();
        async { Ok(Value::Null) }
    });
    let handler = HandlerDef {
        name: "write_down".into(),
        pattern: "#".into(),
        version: VersionSpec::Latest,
        options: HandlerOptions::default(),
        handler: Arc::new(write_down),
    };
    let destination = InProcess::builder()
        .clock(clock.clone())
        .handlers([handler])
        .build()
        .unwrap();
    let relay = Relay::builder(outbox(db), Arc::new(destination))
        .clock(clock)
        .batch(3)
        .build();
    relay.drain().await.unwrap();
}

/// `per_aggregate` events each of two aggregates, in turn.
pub fn events(per_aggregate: u32) -> Vec<Envelope> {
    let aggregates = [
        format!("order:{}", Uuid::new_v4()),
        format!("order:{}", Uuid::new_v4()),
    ];
    let numbered =
        (0..per_aggregate).flat_map(|n| aggregates.iter().map(move |aggregate| (n, aggregate)));
    numbered
        .map(|(n, aggregate)| Envelope {
            id: Uuid::now_v7(),
            topic: "order.moved".into(),
            version: None,
            payload: json!({ "n": n }),
            meta: Meta {
                aggregate: Some(aggregate.clone()),
                created_at: Some(Utc::now()),
                ..Meta::default()
            },
        })
        .collect()
}

/// What the journal of a handler says of these events: each at least once, each aggregate's in order.
pub fn assert_delivered(events: &[Envelope], journal: &Path, label: &str) {
    let journal = std::fs::read_to_string(journal).unwrap_or_default();
    let mut first_times: Vec<&str> = Vec::new();
    for line in journal.lines() {
        if !first_times.contains(&line) {
            first_times.push(line);
        }
    }
    let mut expected: Vec<String> = events
        .iter()
        .map(|event| line(event).trim().to_owned())
        .collect();
    // A stable sort by aggregate keeps the order within each.
    expected.sort_by_key(|line| aggregate_of(line).to_owned());
    first_times.sort_by_key(|line| aggregate_of(line));
    assert_eq!(first_times, expected, "{label}");
}

fn line(event: &Envelope) -> String {
    let aggregate = event.meta.aggregate.as_deref().unwrap_or_default();
    format!("{aggregate} {} {}\n", event.payload["n"], event.id)
}

fn aggregate_of(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}
