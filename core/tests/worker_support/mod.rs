//! What the tests of workers share.
#![allow(dead_code)]

use std::future::Future;
use std::sync::{Arc, Mutex};

use celerysalt::event::{Event, Mode};
use celerysalt::handler::{Context, HandlerDef, HandlerError, HandlerOptions, VersionSpec};
use celerysalt::testing::TestBus;
use celerysalt::worker::handler_fn;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct OrderPaid {
    pub(crate) order_id: u64,
}

impl Event for OrderPaid {
    const TOPIC: &'static str = "order.paid";
    const VERSION: &'static str = "v1";
    const NAME: &'static str = "OrderPaid";
    const MODE: Mode = Mode::Broadcast;
}

pub(crate) fn paid(order_id: u64) -> OrderPaid {
    OrderPaid { order_id }
}

/// A handler of all orders with default options.
pub(crate) fn def<F, Fut>(name: &str, function: F) -> HandlerDef
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Value, HandlerError>> + Send + 'static,
{
    HandlerDef {
        name: name.to_owned(),
        pattern: "order.#".to_owned(),
        version: VersionSpec::Latest,
        options: HandlerOptions::default(),
        handler: Arc::new(handler_fn(function)),
    }
}

pub(crate) async fn bus(handlers: impl IntoIterator<Item = HandlerDef>) -> TestBus {
    TestBus::builder().handlers(handlers).build().await.unwrap()
}

/// Fails always, and writes the second at which it ran.
pub(crate) fn failing(log: &Log, name: &str, error: HandlerError) -> HandlerDef {
    let log = log.clone();
    def(name, move |cx| {
        let (log, error) = (log.clone(), error.clone());
        async move {
            let second = cx.clock.now().timestamp() - 1_767_225_600;
            log.write(format!("{}@{second}", cx.retries));
            Err(error)
        }
    })
}

/// A request that nobody has linked: only the caller checks.
#[allow(unused_macros)]
macro_rules! request {
    ($request:ident, $topic:literal, $response:ty, $error:ty) => {
        impl celerysalt::event::Event for $request {
            const TOPIC: &'static str = $topic;
            const VERSION: &'static str = "v1";
            const NAME: &'static str = stringify!($request);
            const MODE: celerysalt::event::Mode = celerysalt::event::Mode::Rpc;
        }

        impl celerysalt::event::Request for $request {
            type Response = $response;
            type Error = $error;
        }
    };
}
#[allow(unused_imports)]
pub(crate) use request;

pub(crate) fn with(def: HandlerDef, set: impl FnOnce(&mut HandlerOptions)) -> HandlerDef {
    let mut def = def;
    set(&mut def.options);
    def
}

pub(crate) fn failed(retryable: bool) -> HandlerError {
    HandlerError::Failed {
        error: "smtp is down".to_owned(),
        retryable,
    }
}

/// Lines that handlers write, in the order in which they write them.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn write(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// A handler that writes its name and the event's order.
    pub(crate) fn handler(&self, name: &str) -> HandlerDef {
        let log = self.clone();
        def(name, move |cx| {
            let log = log.clone();
            async move {
                log.write(format!(
                    "{} {}",
                    cx.handler, cx.envelope.payload["order_id"]
                ));
                Ok(Value::Null)
            }
        })
    }
}
