//! The end of a soak: what is left is delivered, then all is compared and counted.

use std::fmt::Debug;
use std::path::Path;

use celerysalt::clock;
use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait, Statement};
use serde::Serialize;

use super::journal::{self, Journal};
use super::outcome::UNEXPECTED;
use super::verdict::{Delivery, Due, Verdict};
use super::{history, order, relay};
use crate::act::later;
use crate::databases::outbox;

/// So many cases of each kind of violation are told in full.
const TOLD: usize = 10;

/// Every kind of event; a soak in which one did not happen proves too little.
const TOPICS: [&str; 5] = [
    "soak.made",
    "soak.moved",
    "soak.paid",
    "soak.reached",
    "soak.gone",
];

/// What a soak came to.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Named counts, in the order in which to show them.
    pub figures: Vec<(&'static str, usize)>,
    /// What must not be, in words; none if all is well.
    pub violations: Vec<String>,
}

/// Recovers and delivers what dead processes left, then compares. No saver and no relay runs any more.
pub async fn make(db: &DatabaseConnection, saves: &Path, deliveries: &Path) -> Report {
    let recovered = clock::scope(later(), celerysalt_sea_orm::recover(db)).await;
    let in_time = relay::deliveries(&read(deliveries)).len();
    relay::deliver_the_rest(db, Journal::open(deliveries).unwrap()).await;
    let log = history::read(db).await.unwrap();
    let due = history::events(&log);
    let delivered = relay::deliveries(&read(deliveries));

    let mut report = Report::default();
    report.count_saves(&read(saves));
    report.count("changes in the database's log", log.len());
    report.judge(&due, &delivered);
    report.count("delivered after the last kill", delivered.len() - in_time);
    if recovered.unwrap().failed > 0 {
        report.violate("a save could not be recovered".to_owned());
    }
    report.look_for_remains(db).await;
    report
}

impl Report {
    fn count_saves(&mut self, journal: &str) {
        let of = |word| journal::lines(journal).filter(|line| *line == word).count();
        self.count("saves committed", of("committed"));
        self.count("saves rolled back", of("rolled-back"));
        self.count("saves that another was faster than", of("conflict"));
        self.count("saves without a database", of("unreachable"));
        let unexpected: Vec<_> = journal::lines(journal)
            .filter(|line| line.starts_with(UNEXPECTED))
            .collect();
        self.tell("saves that failed for no reason", &unexpected);
    }

    fn judge(&mut self, due: &[Due], delivered: &[Delivery]) {
        let verdict = Verdict::of(due, delivered);
        self.count("events due", due.len());
        for topic in TOPICS {
            if !due.iter().any(|due| due.happening.topic == topic) {
                self.violate(format!("no {topic} was due: the soak was too short"));
            }
        }
        self.count("deliveries", delivered.len());
        self.count("deliveries of an event again", verdict.duplicates);
        self.tell("events missing", &verdict.missing);
        self.tell("events extra", &verdict.extra);
        self.tell("events out of order", &verdict.out_of_order);
    }

    /// Nothing may wait any more: no event in the outbox or in a row, no announced save.
    async fn look_for_remains(&mut self, db: &DatabaseConnection) {
        let status = outbox(db).status().await.unwrap();
        let orders = order::Entity::find().all(db).await.unwrap();
        let carrying = orders
            .iter()
            .filter(|order| order.on_change_rules.note().is_some());
        let remains = [
            ("events that wait in the outbox", status.pending),
            ("dead letters", status.dead),
            ("events that travel in a row", carrying.count() as u64),
            ("saves that are announced", announced(db).await),
        ];
        for (what, left) in remains {
            if left > 0 {
                self.violate(format!("{left} {what} are left"));
            }
        }
    }

    fn count(&mut self, label: &'static str, count: usize) {
        self.figures.push((label, count));
    }

    /// A figure that must be zero.
    fn tell<T: Debug>(&mut self, label: &'static str, cases: &[T]) {
        self.count(label, cases.len());
        for case in cases.iter().take(TOLD) {
            self.violate(format!("{label}: {case:?}"));
        }
    }

    fn violate(&mut self, violation: String) {
        self.violations.push(violation);
    }
}

async fn announced(db: &DatabaseConnection) -> u64 {
    let sql = "SELECT COUNT(*) AS n FROM celerysalt_pending";
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(statement).await.unwrap().unwrap();
    let count: i64 = row.try_get("", "n").unwrap();
    count.unsigned_abs()
}

/// A journal that nobody wrote to is empty.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
