//! A rule that one process puts into the table fires in the saves of another.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Stdio;
use std::time::{Duration, Instant};

use celerysalt_plain::Follow;
use celerysalt_tests::adapters;
use celerysalt_tests::bench::Bench;
use celerysalt_tests::databases::{self, Kind, TestDatabase};
use celerysalt_tests::figures::figures;
use celerysalt_tests::order::Order;
use celerysalt_tests::rule_table::SAVING;
use celerysalt_tests::tell::tells;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

#[tokio::test]
async fn another_process_follows_the_table_sqlite() {
    another_process_follows_the_table(Kind::Sqlite).await;
}

#[tokio::test]
async fn another_process_follows_the_table_postgres() {
    another_process_follows_the_table(Kind::Postgres).await;
}

#[tokio::test]
async fn another_process_follows_the_table_mariadb() {
    another_process_follows_the_table(Kind::MariaDb).await;
}

async fn another_process_follows_the_table(kind: Kind) {
    for adapter in ["sea-orm", "diesel", "plain"].map(adapters::named) {
        let database = TestDatabase::new(kind, (adapter.tables)(kind)).await;
        let bench = Bench::open(adapter, kind, database.url.clone(), None).await;
        let order = bench.stored([]).await;
        let mut saver = Command::new(env!("CARGO_BIN_EXE_crash-child"))
            .args(["follow", adapter.name, &kind.to_string(), &database.url])
            .arg(order.id.to_string())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(saver.stdout.take().unwrap()).lines();
        assert_eq!(said.next_line().await.unwrap().as_deref(), Some(SAVING));

        let counted = json!({"field_name": "quantity", "operator": "changed"});
        let table = databases::rules(&bench.raw);
        let put = table.put(Order::definition(), tells("counted", counted));
        put.await.unwrap();
        let since = Instant::now();
        let end = tokio::time::timeout(Duration::from_secs(60), saver.wait());
        assert!(end.await.unwrap().unwrap().success());
        figures(format_args!(
            "{} on {kind}: fired {:?} after the rule was put",
            adapter.name,
            since.elapsed()
        ));

        let fired = bench.fired(&order).await;
        assert_eq!(fired[0].payload["label"], "counted");
        let other = bench.stored([]).await;
        assert_eq!(bench.topics(&other).await, [""; 0]);
        bench.close().await;
        database.drop_database().await;
    }
}
