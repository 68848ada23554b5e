//! Every type of field on each database: in rules, in events, null, and refused where no rule can stand on it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

#[path = "../support/mod.rs"]
mod support;

#[macro_use]
mod columns;
mod kinds;
mod mariadb;
mod postgres;
mod sqlite;

use std::collections::BTreeMap;

use columns::Checked;

/// Prints what was found: a line a type, a column a database.
#[test]
fn every_type_on_every_database() {
    let databases = [
        ("SQLite", sqlite::check()),
        ("PostgreSQL", postgres::check()),
        ("MariaDB", mariadb::check()),
    ];
    let mut table: BTreeMap<(usize, &str), [String; 3]> = BTreeMap::new();
    for (column, (_, checked)) in databases.iter().enumerate() {
        for Checked { kind, sql, found } in checked {
            table
                .entry(*kind)
                .or_insert_with(|| ["–"; 3].map(str::to_owned))[column] = format!(
                "{sql}: {}",
                found
                    .as_ref()
                    .map_or_else(ToString::to_string, |found| (*found).to_owned())
            );
        }
    }
    println!(
        "| {:28} | {:34} | {:34} | {:34} |",
        "type", databases[0].0, databases[1].0, databases[2].0
    );
    for ((_, kind), [sqlite, postgres, mariadb]) in &table {
        println!("| {kind:28} | {sqlite:34} | {postgres:34} | {mariadb:34} |");
    }
    for (database, checked) in &databases {
        for Checked { kind, found, .. } in checked {
            assert!(
                found.is_ok(),
                "{database}, {}: {}",
                kind.1,
                found.as_ref().unwrap_err()
            );
        }
    }
}
