//! The process that the crash tests kill: does one save, or relays, and dies at a statement boundary.
#![allow(clippy::unwrap_used, clippy::panic)] // test support

use celerysalt_tests::{boundary, databases, save};
use uuid::Uuid;

/// `crash-child save URL PATH ACT ID N`: saves, SIGKILLed right after statement N; exits 0 when it got to the end.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let boundary = boundary::install();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["save", url, path, act, id, n] => {
            let db = databases::connect(url).await;
            let id: Uuid = id.parse().unwrap();
            boundary.kill_after(n.parse().unwrap());
            save::save(&db, path.parse().unwrap(), act.parse().unwrap(), id).await.unwrap();
        }
        other => panic!("unknown arguments {other:?}"),
    }
}
