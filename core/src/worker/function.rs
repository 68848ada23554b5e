//! A handler of a closure.

use std::future::Future;

use async_trait::async_trait;
use serde_json::Value;

use crate::handler::{Context, Handler, HandlerError};

/// Makes a handler of an async closure, for subscriptions that are made at runtime and for tests.
///
/// ```
/// use std::sync::Arc;
/// use celerysalt::handler::{HandlerDef, HandlerOptions, VersionSpec};
/// use celerysalt::worker::handler_fn;
///
/// let audit = HandlerDef {
///     name: "audit".into(),
///     pattern: "#".into(),
///     version: VersionSpec::Latest,
///     options: HandlerOptions::default(),
///     handler: Arc::new(handler_fn(|cx| async move {
///         println!("{} happened", cx.envelope.topic);
///         Ok(serde_json::Value::Null)
///     })),
/// };
/// ```
pub fn handler_fn<F, Fut>(function: F) -> HandlerFn<F>
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Value, HandlerError>> + Send + 'static,
{
    HandlerFn(function)
}

/// See [`handler_fn`].
#[derive(Debug, Clone, Copy)]
pub struct HandlerFn<F>(F);

#[async_trait]
impl<F, Fut> Handler for HandlerFn<F>
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Value, HandlerError>> + Send + 'static,
{
    async fn call(&self, cx: Context) -> Result<Value, HandlerError> {
        (self.0)(cx).await
    }
}
