//! `celerysalt outbox …` and `celerysalt dlq … --outbox`, on every database.

use std::time::Duration;

use celerysalt::broker::DeadReason;
use celerysalt::event::{Envelope, Meta};
use celerysalt::outbox::{OutboxEvent, OutboxStore, Settlement};
use celerysalt_sql::SqlOutbox;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::command::{celerysalt, done};
use crate::common::Done;
use crate::databases::{mysql::Mysql, postgres::Postgres, sqlite::Sqlite};

const LEASE: Duration = Duration::from_secs(600);

/// An outbox, and the command that looks at it.
struct Bench {
    url: String,
    outbox: SqlOutbox,
}

impl Bench {
    fn run(&self, words: &str) -> Done {
        let words: Vec<&str> = words.split_whitespace().collect();
        let mut command = celerysalt(&words);
        command.env("CELERYSALT_DATABASE_URL", &self.url);
        done(command)
    }

    fn one(&self, words: &str) -> Json {
        let done = self.run(&format!("{words} --json"));
        assert_eq!(done.code, 0, "{done:?}");
        done.lines().remove(0)
    }

    /// Five events: delivered with a dead letter, waiting after a failure, waiting for a subscriber, unrouted, untried.
    async fn fill(&self) -> Vec<Uuid> {
        let now = Utc::now();
        let events: Vec<Envelope> = (1..=5).map(event).collect();
        self.outbox.append(&events, now).await.unwrap();
        let held = self.outbox.claim(4, now, LEASE).await.unwrap();
        let later = now + TimeDelta::days(1);
        let outcomes = [
            Settlement::Delivered {
                dead: vec![DeadReason {
                    handler: Some("send_receipt".to_owned()),
                    attempts: 3,
                    error: "no such customer".to_owned(),
                }],
            },
            Settlement::Again {
                at: later,
                error: "the broker is away".to_owned(),
                progress: Default::default(),
                dead: Vec::new(),
                counts: true,
            },
            Settlement::Unroutable { at: later },
            Settlement::Unrouted,
        ];
        let settled: Vec<_> = held.into_iter().zip(outcomes).collect();
        self.outbox.settle(&settled, now).await.unwrap();
        events.iter().map(|event| event.id).collect()
    }

    async fn claimable(&self) -> Vec<Uuid> {
        let held = self.outbox.claim(10, Utc::now(), LEASE).await.unwrap();
        let claims: Vec<_> = held.iter().map(OutboxEvent::claim).collect();
        self.outbox.release(&claims).await.unwrap();
        held.iter().map(|event| event.envelope.id).collect()
    }
}

pub(crate) fn event(number: u32) -> Envelope {
    Envelope {
        id: Uuid::now_v7(),
        topic: "order.paid".to_owned(),
        version: Some("v1".to_owned()),
        payload: json!({ "order_id": number }),
        meta: Meta::default(),
    }
}

async fn counts_and_retries(bench: &Bench) {
    assert_eq!(bench.one("outbox status")["oldest"], json!(null));
    let ids = bench.fill().await;
    let status = bench.one("outbox status");
    let expected = [
        ("pending", 3),
        ("retrying", 2),
        ("unroutable", 1),
        ("unrouted", 1),
        ("delivered", 1),
        ("dead", 1),
    ];
    for (name, count) in expected {
        assert_eq!(status[name], json!(count), "{name}: {status}");
    }
    for name in ["oldest", "next_due"] {
        let instant = status[name].as_str().unwrap().parse::<DateTime<Utc>>();
        assert!(instant.is_ok(), "{name}: {status}");
    }
    bench
        .run("outbox status")
        .printed(0, &["pending      3", "unrouted     1", "dead         1"]);

    bench
        .run("outbox retry")
        .failed(2, &["--id, --unrouted or --all"]);
    let delivered = format!("outbox retry --id {}", ids[0]);
    bench
        .run(&delivered)
        .failed(1, &["this event neither waits", "delivered"]);
    assert_eq!(bench.claimable().await, [ids[4]]);
    let these = format!("outbox retry --id {} --id {}", ids[1], ids[3]);
    bench.run(&these).printed(0, &["2 events due now"]);
    assert_eq!(bench.claimable().await, [ids[1], ids[3], ids[4]]);
    assert_eq!(bench.one("outbox retry --all"), json!({"retried": 1}));
    assert_eq!(bench.one("outbox retry --unrouted"), json!({"retried": 0}));
    assert_eq!(bench.claimable().await, ids[1..]);
}

async fn purges_what_is_done(bench: &Bench) {
    bench.fill().await;
    bench
        .run("outbox purge --all")
        .failed(2, &["no terminal", "--yes"]);
    assert_eq!(bench.run("outbox purge --yes").code, 2, "all must be said");
    assert_eq!(
        bench.one("outbox purge --yes --before 1h"),
        json!({"purged": 0})
    );
    bench
        .run("outbox purge --yes --all")
        .printed(0, &["purged 2 events"]);
    let status = bench.one("outbox status");
    assert_eq!(
        (&status["pending"], &status["delivered"]),
        (&json!(3), &json!(0))
    );
}

async fn replays_and_purges_dead_letters(bench: &Bench) {
    let ids = bench.fill().await;
    let listed = bench.run("dlq list --outbox");
    listed.printed(
        0,
        &[&ids[0].to_string(), "send_receipt", "no such customer"],
    );
    bench
        .run(&format!("dlq show {} --outbox", ids[0]))
        .printed(0, &["origin    outbox", "\"order_id\": 1"]);
    assert_eq!(
        bench.one("dlq replay --outbox --all"),
        json!({"replayed": 1})
    );
    let due = bench.outbox.claim(1, Utc::now(), LEASE).await.unwrap();
    assert_eq!(due[0].envelope.id, ids[0]);
    assert_eq!(due[0].targets, ["send_receipt"]);
    let delivered = Settlement::Delivered {
        dead: vec![DeadReason {
            handler: None,
            attempts: 1,
            error: "again".to_owned(),
        }],
    };
    let settled = [(due[0].clone(), delivered)];
    bench.outbox.settle(&settled, Utc::now()).await.unwrap();
    bench.run("dlq purge --outbox --all").failed(2, &["--yes"]);
    bench
        .run("dlq purge --outbox --all --yes")
        .printed(0, &["dead letters of the outbox"]);
    let none = bench.run("dlq list --outbox --json");
    assert_eq!((none.code, none.out.as_str()), (0, ""));
}

macro_rules! on_every_database {
    ($($case:ident),*) => {
        mod postgres { use super::*; $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let database = Postgres::fresh().await;
                let outbox = SqlOutbox::postgres(database.pool.clone());
                super::$case(&Bench { url: database.url.clone(), outbox }).await;
                database.close().await;
            }
        )* }
        mod mysql { use super::*; $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let database = Mysql::fresh().await;
                let outbox = SqlOutbox::mysql(database.pool.clone());
                super::$case(&Bench { url: database.url.clone(), outbox }).await;
                database.close().await;
            }
        )* }
        mod sqlite { use super::*; $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let database = Sqlite::fresh().await;
                let outbox = SqlOutbox::sqlite(database.pool.clone());
                super::$case(&Bench { url: format!("sqlite:{}", database.url), outbox }).await;
                database.close().await;
            }
        )* }
    };
}

on_every_database!(
    counts_and_retries,
    purges_what_is_done,
    replays_and_purges_dead_letters
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_the_tables_is_named() {
    let database = Sqlite::empty().await;
    let url = format!("sqlite:{}", database.url);
    for words in [["outbox", "status"], ["dlq", "list"]] {
        let mut all = words.to_vec();
        if words[0] == "dlq" {
            all.push("--outbox");
        }
        all.extend(["--database-url", &url]);
        crate::command::run(&all).failed(3, &["run the migrations"]);
    }
    database.close().await;
}
