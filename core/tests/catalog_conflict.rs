//! Two different schemas under one topic and version in one program: nothing starts, and the error shows the difference.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use celerysalt::broker::MemoryBroker;
use celerysalt::catalog::Catalog;
use celerysalt::prelude::*;
use celerysalt::worker::{InProcess, Worker};

mod shop {
    /// The shop's idea of a payment.
    #[celerysalt::event("order.paid")]
    pub(crate) struct OrderPaid {
        pub(crate) order_id: i64,
        pub(crate) amount: String,
    }
}

mod bank {
    /// The bank's idea of a payment.
    #[celerysalt::event("order.paid")]
    pub(crate) struct Payment {
        pub(crate) order_id: i64,
        pub(crate) amount: i64,
    }
}

#[subscribe("order.paid")]
async fn on_paid(_: shop::OrderPaid) {}

#[test]
fn nothing_starts_and_the_difference_is_shown() {
    let catalog = Catalog::global().err().unwrap().to_string();
    for part in [
        "order.paid",
        "v1",
        "OrderPaid",
        "Payment",
        "catalog_conflict.rs",
        "amount",
    ] {
        assert!(catalog.contains(part), "`{part}` is not in: {catalog}");
    }
    let in_process = InProcess::builder().build().err().unwrap();
    assert_eq!(in_process.to_string(), catalog);
    let broker = Arc::new(MemoryBroker::default());
    let worker = Worker::builder(broker, "shop").build().err().unwrap();
    assert_eq!(worker.to_string(), catalog);
}
