//! A mesh: the shop and the mails are Rust, the bills (celery-salt) and the stock (tchu-tchu) are Python where one is found.
//! They share one RabbitMQ, and Redis for answers: set `CELERYSALT_RABBITMQ_URL` and `CELERYSALT_REDIS_URL`.

// A program has no outside; plain `pub` reads better here.
#![allow(unreachable_pub)]

mod events;
mod names;
mod python;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use celerysalt::catalog::Catalog;
use celerysalt::event::RpcError;
use celerysalt::prelude::*;
use celerysalt::publisher::{Publish, Publisher};
use celerysalt::rpc::{Call, CallError, RpcClient};
use celerysalt::worker::{Worker, WorkerError};
use celerysalt_amqp::AmqpBroker;
use celerysalt_amqp::wire::Dialect;
use celerysalt_redis::RedisResults;
use rust_decimal::Decimal;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use events::{AskTotal, BillSent, OrderPlaced, Reserve, Total};
use names::Names;
use python::{Peer, Python};

/// Where the mails report what they did, for `talk` to wait for.
type Sent = mpsc::UnboundedSender<&'static str>;

#[subscribe("order.placed")]
async fn mail_confirmation(placed: OrderPlaced, State(sent): State<Sent>) {
    println!(
        "mails:  thank you for ordering {} at {}",
        placed.article, placed.amount
    );
    let _ = sent.send("confirmation");
}

#[subscribe("bill.sent")]
async fn mail_bill(bill: BillSent, State(sent): State<Sent>) {
    println!("mails:  the bill is {}", bill.amount);
    let _ = sent.send("bill");
}

#[subscribe("shop.total")]
async fn total(asked: AskTotal) -> Result<Total, RpcError> {
    let tax = Decimal::new(119, 2);
    println!("shop:   somebody asks for the total of {}", asked.amount);
    Ok(Total {
        total: asked.amount * tax,
    })
}

/// How long a mail may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (Ok(rabbitmq), true) = (
        std::env::var(celerysalt_amqp::URL_VARIABLE),
        std::env::var_os(celerysalt_redis::URL_VARIABLE).is_some(),
    ) else {
        println!(
            "A mesh needs servers: set CELERYSALT_RABBITMQ_URL and CELERYSALT_REDIS_URL, as docs/mesh.md shows."
        );
        return Ok(());
    };
    let names = Names::new();
    let talked = talk(&names).await;
    let services = ["shop", "mails", "bills", "stock"];
    let removed = names.remove(&rabbitmq, &services).await;
    println!("{}", talked?);
    Ok(removed?)
}

/// Starts the services, lets them talk, and ends them.
async fn talk(names: &Names) -> Result<&'static str, Box<dyn Error>> {
    let (sent, mut reports) = mpsc::unbounded_channel();
    let mut mesh = Mesh {
        names,
        sent,
        workers: JoinSet::new(),
    };
    let shop = mesh.start("shop", &["total"]).await?;
    mesh.start("mails", &["mail_confirmation", "mail_bill"])
        .await?;
    let python = Python::find().await;
    let mut peers = Vec::new();
    if let Some(python) = &python {
        peers.push(python.worker("bills", names).await?);
        peers.push(python.worker("stock", names).await?);
    }

    let publisher = Publisher::to_broker(Arc::new(shop));
    if python.is_some() {
        reserve(&publisher).await?;
    }
    let order = OrderPlaced {
        order_id: Uuid::now_v7(),
        article: "salt".to_owned(),
        amount: Decimal::new(1000, 2),
    };
    println!("shop:   an order is placed");
    order.publish(&publisher).await?;
    for _ in 0..if python.is_some() { 2 } else { 1 } {
        if tokio::time::timeout(PATIENCE, reports.recv())
            .await
            .is_err()
        {
            let said: Vec<String> = peers.iter().map(Peer::said).collect();
            return Err(format!("no mail within {PATIENCE:?}. {}", said.join("\n")).into());
        }
    }
    Ok(match python {
        Some(_) => "All four services have talked.",
        None => "No Python with celery-salt and tchu-tchu: two services have talked.",
    })
}

/// The Rust services of a run; they end with this.
struct Mesh<'a> {
    names: &'a Names,
    sent: Sent,
    workers: JoinSet<Result<(), WorkerError>>,
}

impl Mesh<'_> {
    /// Starts a service of some of this program's handlers. Each would be a program of its own.
    async fn start(&mut self, name: &str, handlers: &[&str]) -> Result<AmqpBroker, Box<dyn Error>> {
        // The stock is on tchu-tchu, whose workers know only tasks of that name.
        let broker = AmqpBroker::from_env()?
            .service(name)
            .exchange(self.names.exchange())
            .dialect_of("stock.#", Dialect::TchuTchu)?
            .build();
        let own = Catalog::global()?
            .handlers()
            .into_iter()
            .filter(|def| handlers.iter().any(|own| def.name.ends_with(own)));
        let worker = Worker::builder(Arc::new(broker.clone()), self.names.queue(name))
            .handlers(own)
            .results(Arc::new(RedisResults::from_env()?.build()))
            .state(self.sent.clone())
            .build()?;
        worker.declare().await?;
        self.workers.spawn(worker.run(std::future::pending()));
        Ok(broker)
    }
}

/// Calls the stock: once for what there is, once for too much.
async fn reserve(publisher: &Publisher) -> Result<(), Box<dyn Error>> {
    let client = RpcClient::new(
        publisher.clone(),
        Arc::new(RedisResults::from_env()?.build()),
    );
    for count in [3, 30] {
        let asked = Reserve {
            article: "salt".to_owned(),
            count,
        };
        match asked.call(&client, Duration::from_secs(30)).await {
            Ok(reserved) => println!("shop:   {count} reserved, {} left", reserved.left),
            Err(CallError::Declared(error)) => println!("shop:   {count} not reserved: {error}"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
