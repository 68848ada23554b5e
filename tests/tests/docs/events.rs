//! Snippets of docs/events.md.

use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::Broker;
use celerysalt::outbox::SharedOutbox;
use celerysalt::worker::Worker;
use celerysalt_sea_orm::once;
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr};

use celerysalt::prelude::*;

/// A user has signed up.
#[event("user.signup.completed", version = "v1")]
pub struct UserSignup {
    pub user_id: i64,
    pub email: String,
}

#[event("order.paid", version = "v2")]
pub struct OrderPaid {
    order_id: u64,
}

#[derive(Debug)]
pub struct SmtpError;

impl std::fmt::Display for SmtpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the mail server is away")
    }
}

impl std::error::Error for SmtpError {}

#[derive(Clone)]
pub struct Mailer;

impl Mailer {
    pub async fn send(&self, _to: &str, _what: &str) -> Result<(), SmtpError> {
        Ok(())
    }
}

fn catalog() -> Result<(), Box<dyn std::error::Error>> {
    Catalog::global()?.expect(["user.signup.completed", "order.paid"])?;
    Ok(())
}

#[subscribe(
    "user.signup.completed",
    autoretry_for = [SmtpError, std::io::Error],
    retry_backoff = true,
    max_retries = 5,
    time_limit = 60,
    rate_limit = "100/m"
)]
async fn send_welcome(signup: UserSignup, State(mailer): State<Mailer>) -> Result<(), SmtpError> {
    mailer.send(&signup.email, "welcome").await
}

async fn ship_in(_: &DatabaseTransaction, _: &OrderPaid) -> Result<(), DbErr> {
    Ok(())
}

#[subscribe("order.paid", name = "ship")]
async fn ship(paid: OrderPaid, receipt: Receipt, State(db): State<DatabaseConnection>) -> Result<Once<()>, DbErr> {
    once(&receipt, &db, async |txn| ship_in(txn, &paid).await).await
}

async fn publishing(outbox: SharedOutbox) -> Result<(), Box<dyn std::error::Error>> {
    let publisher = Publisher::to_outbox(outbox);
    UserSignup { user_id: 123, email: "a@example.com".into() }.publish(&publisher).await?;
    Ok(())
}

async fn publishing_in_a_transaction(
    publisher: Publisher,
    txn: DatabaseTransaction,
    user_id: i64,
    email: String,
) -> Result<(), Box<dyn std::error::Error>> {
    use chrono::Utc;

    let signup = publisher.envelope(&UserSignup { user_id, email }, &PublishOptions::default())?;
    celerysalt_sea_orm::append_in(&txn, &[signup], Utc::now()).await?;   // celerysalt_diesel::append_in, celerysalt_sql::postgres::append_in, …
    txn.commit().await?;
    Ok(())
}

async fn calling(client: RpcClient) -> Result<(), Box<dyn std::error::Error>> {
    #[event("rpc.calculator.add", response = Sum, error = RpcError)]
    pub struct Add { pub a: i64, pub b: i64 }

    #[event_response("rpc.calculator.add")]
    pub struct Sum { pub result: i64 }

    #[subscribe("rpc.calculator.add")]
    async fn add(request: Add) -> Result<Sum, RpcError> {
        let result = request.a.checked_add(request.b).ok_or_else(|| RpcError::new("OVERFLOW", "too large"))?;
        Ok(Sum { result })
    }

    let sum = Add { a: 1, b: 2 }.call(&client, Duration::from_secs(10)).await?;
    Ok(())
}

async fn running(broker: impl Broker + 'static, mailer: Mailer) -> Result<(), Box<dyn std::error::Error>> {
    let worker = Worker::builder(Arc::new(broker), "mails").state(mailer).concurrency(16).build()?;
    let health = worker.health();            // for the probes of your HTTP server
    worker.run_until_signal().await?;        // feature `signal`; or `run(any future)`
    Ok(())
}

#[event("order.changed")]
pub struct OrderChanged {
    order_id: u64,
}

type ReportError = std::io::Error;

async fn send_mail(_: OrderChanged) -> Result<(), SmtpError> {
    Ok(())
}

async fn write_report(_: OrderChanged) -> Result<(), ReportError> {
    Ok(())
}

#[subscribe("order.changed")]
async fn mail(order: OrderChanged) -> Result<(), SmtpError> {
    send_mail(order).await
}

#[subscribe("order.changed", queue = "shop-reports")]
async fn report(order: OrderChanged) -> Result<(), ReportError> {
    write_report(order).await
}

async fn several(broker: Arc<dyn Broker>) -> Result<(), Box<dyn std::error::Error>> {
    let worker = || Worker::builder(broker.clone(), "shop");
    let mails = worker().queues(["shop"]).concurrency(16).build()?;
    let reports = worker().queues(["shop-reports"]).concurrency(2).build()?;
    tokio::try_join!(mails.run_until_signal(), reports.run_until_signal())?;
    Ok(())
}
