//! An HTTP API over axum. `cargo run -p axum-orders -- serve` listens on 127.0.0.1:3000; without `serve` it sends itself a
//! few requests and ends. Events leave through the relay: to RabbitMQ where `CELERYSALT_RABBITMQ_URL` is set, else to
//! the subscriber below.

// A program has no outside; plain `pub` reads better here.
#![allow(unreachable_pub)]

mod api;
mod order;
mod request;
mod store;

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;

use celerysalt::broker::{Broker, QueueSpec};
use celerysalt::outbox::{Destination, Relay, ToBroker};
use celerysalt::prelude::*;
use celerysalt::worker::{InProcess, Worker};
use celerysalt_amqp::AmqpBroker;
use serde_json::json;
use tokio::net::TcpListener;

use order::OrderPaid;
use request::Client;

#[subscribe("order.paid")]
async fn send_receipt(paid: OrderPaid) {
    println!("-> send_receipt: {} was paid", paid.amount);
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (db, outbox) = store::open().await?;
    let relay = Relay::builder(outbox, destination().await?).build();
    let serves = std::env::args().nth(1).as_deref() == Some("serve");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, if serves { 3000 } else { 0 })).await?;
    let client = Client {
        port: listener.local_addr()?.port(),
    };
    let serving = tokio::spawn(axum::serve(listener, api::router(db)).into_future());
    if serves {
        println!("listening on 127.0.0.1:{}; ctrl-c ends it", client.port);
        relay
            .run(async { tokio::signal::ctrl_c().await.unwrap_or(()) })
            .await;
    } else {
        show(&client).await?;
        println!(
            "the relay delivers {} event(s)",
            relay.drain().await?.delivered
        );
    }
    serving.abort();
    Ok(())
}

/// A day in an order's life, over HTTP.
async fn show(client: &Client) -> Result<(), Box<dyn Error>> {
    let order = client.post("/orders", &json!({"amount": "99.90"})).await?;
    let path = format!("/orders/{}", order["id"].as_str().unwrap_or_default());
    println!("order made: {} {}", order["amount"], order["status"]);

    let misspelt = json!([{"field_name": "statsu", "operator": "eql", "value": "paid", "event_class": "order.paid", "event_data": {}}]);
    let incomplete = json!([{"field_name": "status"}]);
    for wrong in [misspelt, incomplete] {
        let refused = client.post(&format!("{path}/rules"), &wrong).await?;
        println!(
            "a rule that is wrong: {}",
            refused["error"].as_str().unwrap_or_default()
        );
    }

    let rule = json!([{"field_name": "status", "operator": "eql", "value": "paid", "event_class": "order.paid",
        "event_data": {"order_id": "{{ id }}", "amount": "{{ amount }}"}}]);
    client.post(&format!("{path}/rules"), &rule).await?;
    let paid = client
        .post(&format!("{path}/status"), &json!({"status": "paid"}))
        .await?;
    println!(
        "order {}: {} rule(s) left",
        paid["status"],
        paid["rules"].as_array().map_or(0, Vec::len)
    );
    Ok(())
}

/// RabbitMQ where it is named; else the handlers of this process.
async fn destination() -> Result<Arc<dyn Destination>, Box<dyn Error>> {
    if std::env::var_os(celerysalt_amqp::URL_VARIABLE).is_none() {
        return Ok(Arc::new(InProcess::builder().build()?));
    }
    let broker = AmqpBroker::from_env()?.service("orders").build();
    // The queue of the service that sends receipts, so that nothing is unroutable before that service is first up.
    let queue = QueueSpec {
        name: "receipts".to_owned(),
        bindings: vec!["order.paid".to_owned()],
        max_priority: 10,
    };
    broker.declare(&queue).await?;
    tokio::spawn(
        Worker::builder(Arc::new(broker.clone()), "receipts")
            .build()?
            .run(std::future::pending()),
    );
    Ok(Arc::new(ToBroker::new(Arc::new(broker))))
}
