//! A calculator that is called. `cargo run -p rpc-calculator` serves and calls in one process; with
//! `CELERYSALT_RABBITMQ_URL` set, `serve` and `call 7 2` are two. A Python service may be either side.

// A program has no outside; plain `pub` reads better here.
#![allow(unreachable_pub)]

mod transport;

use std::error::Error;
use std::time::Duration;

use celerysalt::prelude::*;
use celerysalt::publisher::Publisher;
use celerysalt::rpc::{Call, CallError, RpcClient};
use celerysalt::worker::Worker;

use transport::Transport;

/// Asks for a quotient.
#[event("rpc.calculator.divide", response = Quotient, error = DivideError)]
pub struct Divide {
    /// The dividend.
    pub a: i64,
    /// The divisor.
    pub b: i64,
}

/// The answer.
#[event_response("rpc.calculator.divide")]
#[derive(Debug)]
pub struct Quotient {
    /// How often the divisor goes into the dividend.
    pub quotient: i64,
    /// What is left.
    pub remainder: i64,
}

/// The error that the handler declares: an answer, not a failure.
#[event_error("rpc.calculator.divide")]
#[derive(Debug)]
pub struct DivideError {
    /// For programs.
    pub error_code: String,
    /// For people.
    pub error_message: String,
}

#[subscribe("rpc.calculator.divide")]
async fn divide(asked: Divide) -> Result<Quotient, DivideError> {
    let quotient = asked
        .a
        .checked_div(asked.b)
        .zip(asked.a.checked_rem(asked.b));
    match quotient {
        Some((quotient, remainder)) => Ok(Quotient {
            quotient,
            remainder,
        }),
        None => Err(DivideError {
            error_code: "DIVISION".to_owned(),
            error_message: format!("{} divided by {} is no whole number", asked.a, asked.b),
        }),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let transport = Transport::from_env("calculator")?;
    match words[..] {
        [] => both(&transport).await,
        ["serve"] => {
            println!("serving over {}; ctrl-c ends it", transport.name);
            Ok(worker(&transport)?
                .run(async { tokio::signal::ctrl_c().await.unwrap_or(()) })
                .await?)
        }
        ["call", a, b] => {
            let request = Divide {
                a: a.parse()?,
                b: b.parse()?,
            };
            call(&client(&transport), &request).await;
            Ok(())
        }
        _ => Err("usage: rpc-calculator [serve | call A B]".into()),
    }
}

/// Serves and calls in one process.
async fn both(transport: &Transport) -> Result<(), Box<dyn Error>> {
    println!("over {}", transport.name);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = worker(transport)?;
    worker.declare().await?;
    let serving = tokio::spawn(worker.run(async { stopped.await.unwrap_or(()) }));
    let client = client(transport);
    for request in [Divide { a: 7, b: 2 }, Divide { a: 7, b: 0 }] {
        call(&client, &request).await;
    }
    drop(stop);
    Ok(serving.await??)
}

fn worker(transport: &Transport) -> Result<Worker, Box<dyn Error>> {
    let builder = Worker::builder(transport.broker.clone(), "calculator");
    Ok(builder.results(transport.results.clone()).build()?)
}

fn client(transport: &Transport) -> RpcClient {
    RpcClient::new(
        Publisher::to_broker(transport.broker.clone()),
        transport.results.clone(),
    )
}

async fn call(client: &RpcClient, request: &Divide) {
    let Divide { a, b } = request;
    match request.call(client, Duration::from_secs(10)).await {
        Ok(Quotient {
            quotient,
            remainder,
        }) => println!("{a} / {b} = {quotient}, remainder {remainder}"),
        Err(CallError::Declared(error)) => {
            println!("{a} / {b}: {} ({})", error.error_message, error.error_code)
        }
        Err(error) => println!("{a} / {b}: no answer: {error}"),
    }
}
