//! Every type of field on each database: in rules, in events, null, and refused where no rule can stand on it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]
#![cfg(all(
    feature = "async-sqlite",
    feature = "async-postgres",
    feature = "async-mysql"
))]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

#[path = "../support/mod.rs"]
mod support;

#[macro_use]
mod columns;
mod kinds;

use std::collections::BTreeMap;

use columns::{Checked, Kind};

on!(["sqlite.rs"]: sqlite = sqlite, async_sqlite = async_sqlite);
on!(["postgres.rs"]: postgres = postgres, async_postgres = async_postgres);
on!(["mariadb.rs"]: mariadb = mariadb, async_mariadb = async_mariadb);

const DATABASES: [&str; 3] = ["SQLite", "PostgreSQL", "MariaDB"];

#[test]
fn every_type_on_every_database() {
    let checked = [sqlite::check(), postgres::check(), mariadb::check()];
    report("Diesel", checked);
}

#[test]
fn every_type_on_every_database_of_diesel_async() {
    let sqlite = async_sqlite::check();
    let checked = [sqlite, async_postgres::check(), async_mariadb::check()];
    report("diesel-async", checked);
}

/// Prints what was found, a line a type, a column a database; fails when something is not as it should be.
fn report(connections: &str, checked: [Vec<Checked>; 3]) {
    let mut table: BTreeMap<Kind, [String; 3]> = BTreeMap::new();
    let mut problems = Vec::new();
    for (column, checked) in checked.iter().enumerate() {
        for Checked { kind, sql, found } in checked {
            let found = found.as_ref().unwrap_or_else(|problem| {
                problems.push(format!("{}, {}: {problem}", DATABASES[column], kind.1));
                &"FAILS"
            });
            let row = table
                .entry(*kind)
                .or_insert_with(|| ["–"; 3].map(str::to_owned));
            row[column] = format!("{sql}: {found}");
        }
    }
    let [sqlite, postgres, mariadb] = DATABASES;
    println!("| {connections:28} | {sqlite:34} | {postgres:34} | {mariadb:34} |");
    for ((_, kind), [sqlite, postgres, mariadb]) in &table {
        println!("| {kind:28} | {sqlite:34} | {postgres:34} | {mariadb:34} |");
    }
    assert!(problems.is_empty(), "{connections}: {problems:#?}");
}
