//! What the tests of workers share.
#![allow(dead_code)]

use std::future::Future;
use std::sync::{Arc, Mutex};

use celerysalt::event::{Event, Mode};
use celerysalt::handler::{Context, HandlerDef, HandlerError, HandlerOptions, VersionSpec};
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
