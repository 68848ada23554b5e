//! A call of a handler without a worker.

use std::sync::Arc;

use celerysalt::catalog::Catalog;
use celerysalt::clock::SystemClock;
use celerysalt::event::{Envelope, Meta};
use celerysalt::handler::{Context, HandlerDef, HandlerError, StateMap};
use serde_json::Value;

/// The linked handler of this name.
pub(crate) fn handler(name: &str) -> HandlerDef {
    let mut handlers = Catalog::global().unwrap().handlers().into_iter();
    handlers.find(|h| h.name == name).unwrap()
}

/// Calls it.
pub(crate) async fn call(name: &str, cx: Context) -> Result<Value, HandlerError> {
    handler(name).handler.call(cx).await
}

/// A context of this payload, with a `u64` as state.
pub(crate) fn context(payload: Value) -> Context {
    let mut state = StateMap::default();
    state.insert(10_u64);
    let envelope = Envelope {
        id: uuid::Uuid::from_u128(1),
        topic: "order.paid".to_owned(),
        version: None,
        payload,
        meta: Meta::default(),
    };
    Context {
        envelope: Arc::new(envelope),
        handler: "test".into(),
        retries: 0,
        state: Arc::new(state),
        clock: Arc::new(SystemClock),
        soft_limit: tokio::sync::watch::channel(false).1,
    }
}
