//! The processes of a soak; `cargo xtask soak` runs and kills them.
#![allow(clippy::unwrap_used, clippy::panic)] // test support

use std::io::Read;
use std::path::Path;

use celerysalt_tests::soak::journal::Journal;
use celerysalt_tests::soak::{self, relay, report, saver, tables};

/// `prepare URL` makes the tables, `save URL JOURNAL` and `relay URL JOURNAL` run until they are killed,
/// `report URL SAVES DELIVERIES` prints a [`Report`](report::Report) as JSON.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .init();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (task, url, files) = match args.as_slice() {
        [task, url, files @ ..] => (*task, *url, files),
        other => panic!("unknown arguments {other:?}"),
    };
    let db = soak::connect(url).await;
    match (task, files) {
        ("prepare", []) => tables::create(&db).await.unwrap(),
        ("save", [journal]) => {
            end_with_parent();
            saver::run(&db, &Journal::open(Path::new(journal)).unwrap()).await;
        }
        ("relay", [journal]) => {
            end_with_parent();
            relay::run(&db, Journal::open(Path::new(journal)).unwrap()).await;
        }
        ("report", [saves, deliveries]) => {
            let report = report::make(&db, Path::new(saves), Path::new(deliveries)).await;
            println!("{}", serde_json::to_string(&report).unwrap());
        }
        other => panic!("unknown arguments {other:?}"),
    }
}

/// Ends this process with the one that holds the other end of its input.
fn end_with_parent() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
}
