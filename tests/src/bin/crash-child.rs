//! The process that the crash tests kill: does one save, or relays, and dies at a statement boundary.
#![allow(clippy::unwrap_used, clippy::panic)] // test support

use std::sync::Arc;

use celerysalt::clock::SystemClock;
use celerysalt_tests::{boundary, databases, relaying, save};
use uuid::Uuid;

/// `save URL PATH ACT ID N` saves, `relay URL JOURNAL N` delivers what is due; SIGKILLed right after statement N.
/// `handle URL JOURNAL N` delivers what is due, SIGKILLed in the handler of event N.
/// Exits 0 when it got to the end before.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let boundary = boundary::install();
    match args
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["save", url, path, act, id, n] => {
            let db = databases::connect(url).await;
            let id: Uuid = id.parse().unwrap();
            boundary.kill_after(n.parse().unwrap());
            save::save(&db, path.parse().unwrap(), act.parse().unwrap(), id)
                .await
                .unwrap();
        }
        ["relay", url, journal, n] => {
            let db = databases::connect(url).await;
            boundary.kill_after(n.parse().unwrap());
            relaying::drain_into(&db, journal.into(), Arc::new(SystemClock)).await;
        }
        ["handle", url, journal, n] => {
            let db = databases::connect(url).await;
            let n = n.parse().unwrap();
            relaying::drain_and_die(&db, journal.into(), Arc::new(SystemClock), n).await;
        }
        other => panic!("unknown arguments {other:?}"),
    }
}
