//! The process that the crash tests kill: does one save, or relays, and dies at a statement boundary.
#![allow(clippy::unwrap_used, clippy::panic)] // test support

use std::sync::Arc;

use celerysalt::clock::SystemClock;
use celerysalt_tests::act::Act;
use celerysalt_tests::bench::Bench;
use celerysalt_tests::{adapters, boundary, cases, databases, relaying, rule_table};

/// - `save ADAPTER DATABASE URL FORM ACT ID N` saves, SIGKILLed right after statement N.
/// - `case ADAPTER DATABASE URL CASE` runs a case of the kit that counts the statements of its process.
/// - `relay URL JOURNAL N` delivers what is due, SIGKILLed right after statement N.
/// - `handle URL JOURNAL N` delivers what is due, SIGKILLed in the handler of event N.
/// - `follow ADAPTER DATABASE URL ID` saves an order again and again, until a rule of the table fires.
///
/// Exits 0 when it got to the end before.
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let boundary = boundary::install();
    match args.as_slice() {
        ["save", adapter, kind, url, form, act, id, n] => {
            let open = adapters::named(adapter).open;
            let fixture = open(kind.parse().unwrap(), (*url).to_owned()).await;
            let act: Act = act.parse().unwrap();
            boundary.kill_after(n.parse().unwrap());
            let save = act.run(&*fixture, form.parse().unwrap(), id.parse().unwrap());
            save.await.unwrap();
        }
        ["case", adapter, kind, url, case] => {
            let (adapter, kind) = (adapters::named(adapter), kind.parse().unwrap());
            let bench = Bench::open(adapter, kind, (*url).to_owned(), Some(boundary)).await;
            (cases::named(case).run)(bench).await;
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
        ["follow", adapter, kind, url, id] => {
            let (adapter, kind) = (adapters::named(adapter), kind.parse().unwrap());
            let bench = Bench::open(adapter, kind, (*url).to_owned(), None).await;
            rule_table::save_until_it_fires(bench, id.parse().unwrap()).await;
        }
        other => panic!("unknown arguments {other:?}"),
    }
}
