//! A process that saves, while another changes the table of rules.

use std::time::Duration;

use uuid::Uuid;

use crate::bench::Bench;
use crate::databases;
use crate::order::{Change, Order};

/// What the saver says when it has saved, and nothing has fired.
pub const SAVING: &str = "saving";

/// Saves an order, each time to another quantity, until a rule fires that stands in the table.
pub async fn save_until_it_fires(bench: Bench, order: Uuid) {
    let order = bench.fixture.load(order).await.unwrap();
    let table = databases::rules(&bench.raw);
    let watching = tokio::spawn(async move { table.watch(std::future::pending()).await });
    count_up(&bench, &order, 0).await;
    assert_eq!(bench.topics(&order).await, [""; 0]);
    println!("{SAVING}");
    for n in 1.. {
        count_up(&bench, &order, n).await;
        if !bench.topics(&order).await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    watching.abort();
}

async fn count_up(bench: &Bench, order: &Order, n: i64) {
    let change = Change::of().quantity(Some(1_000 + n));
    bench.update(order, change).await;
}
