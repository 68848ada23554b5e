//! Which types of columns carry rules, through SeaORM on each database: fired, not fired, null, and exact in the event.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "types/cases.rs"]
mod cases;
#[path = "types/models.rs"]
mod models;
#[path = "types/probe.rs"]
mod probe;
mod support;

use std::collections::BTreeMap;

use celerysalt_sea_orm::Follow;
use models::{Column, in_mysql, in_postgres, in_sqlite};
use probe::Probe;
use sea_orm::{ConnectionTrait, DbBackend};
use support::TestDb;

/// What came out, by type and database.
type Table = BTreeMap<&'static str, BTreeMap<String, &'static str>>;

#[tokio::test]
async fn every_type_carries_rules_or_refuses_them_on_every_database() {
    let mut table = Table::new();
    let mut failures = Vec::new();
    let test = TestDb::sqlite().await;
    let columns = in_sqlite::COLUMNS;
    try_all::<in_sqlite::Entity>(&test, columns, &mut table, &mut failures).await;
    test.end().await;
    let test = TestDb::postgres().await;
    let columns = in_postgres::COLUMNS;
    try_all::<in_postgres::Entity>(&test, columns, &mut table, &mut failures).await;
    test.end().await;
    let test = TestDb::mariadb().await;
    let columns = in_mysql::COLUMNS;
    try_all::<in_mysql::Entity>(&test, columns, &mut table, &mut failures).await;
    test.end().await;
    print(&table);
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// Tries each column of the wide model, and its nullable twin.
async fn try_all<E: Follow>(
    test: &TestDb,
    columns: &[Column],
    table: &mut Table,
    failures: &mut Vec<String>,
) {
    let backend = test.db.get_database_backend();
    create(test, columns).await;
    let cases = cases::cases(backend);
    for column in columns {
        let case = cases.iter().find(|case| case.field == column.field);
        let case = case.unwrap_or_else(|| panic!("no case for {}", column.field));
        for (field, nullable) in [(column.field, false), (column.twin, true)] {
            let probe = Probe::<E>::insert(&test.db, &cases, columns, field).await;
            let tried = match case.is_refused() {
                false => probe.carries(case, nullable).await,
                true => probe.is_refused(case).await,
            };
            let outcome = match (&tried, case.is_refused()) {
                (Err(_), _) => "FAILS",
                (Ok(()), false) => "carries rules",
                (Ok(()), true) => "refused",
            };
            if let Err(reason) = tried {
                failures.push(format!("{backend:?} {field} ({}): {reason}", column.sql));
            }
            let row = table.entry(case.name).or_default();
            let cell = row.entry(format!("{backend:?}")).or_insert(outcome);
            if outcome == "FAILS" {
                *cell = outcome;
            }
        }
    }
}

async fn create(test: &TestDb, columns: &[Column]) {
    let json = match test.db.get_database_backend() {
        DbBackend::Postgres => "jsonb",
        DbBackend::MySql => "json",
        _ => "text",
    };
    if support::is_postgres(&test.db) {
        let mood = "CREATE TYPE mood AS ENUM ('bad', 'fair', 'good')";
        test.db.execute_unprepared(mood).await.unwrap();
    }
    let twins = columns.iter().map(|column| {
        let Column { field, twin, sql } = column;
        format!("{field} {sql} NOT NULL, {twin} {sql} NULL")
    });
    let twins: Vec<_> = twins.collect();
    let sql = format!(
        "CREATE TABLE wide (id integer PRIMARY KEY, {}, on_change_rules {json} NOT NULL DEFAULT '[]')",
        twins.join(", ")
    );
    test.db.execute_unprepared(&sql).await.unwrap();
}

fn print(table: &Table) {
    let databases = ["Postgres", "MySql", "Sqlite"];
    println!(
        "{:<28}{}",
        "type",
        databases.map(|name| format!("{name:<16}")).concat()
    );
    for (name, row) in table {
        let cells = databases.map(|database| row.get(database).copied().unwrap_or("-"));
        println!(
            "{name:<28}{}",
            cells.map(|cell| format!("{cell:<16}")).concat()
        );
    }
}
