//! Handlers made of functions.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio::task::JoinError;

use crate::chain::Chain;
use crate::handler::{
    Context, Handler, HandlerDef, HandlerError, HandlerOptions, StateMap, VersionSpec,
};
use crate::telemetry::{TraceContext, trace_context};

type Answer = Result<Value, HandlerError>;

/// Which state the arguments of a function miss.
type MissingState = fn(&StateMap) -> Vec<&'static str>;

/// The definition of a handler that is a function.
pub fn def<F, Fut>(
    name: &str,
    pattern: &str,
    version: VersionSpec,
    options: HandlerOptions,
    missing_state: MissingState,
    function: F,
) -> HandlerDef
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    HandlerDef {
        name: name.to_owned(),
        pattern: pattern.to_owned(),
        version,
        options,
        handler: Arc::new(FnHandler {
            function,
            missing_state,
        }),
    }
}

struct FnHandler<F> {
    function: F,
    missing_state: MissingState,
}

#[async_trait]
impl<F, Fut> Handler for FnHandler<F>
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    async fn call(&self, cx: Context) -> Answer {
        (self.function)(cx).await
    }

    fn missing_state(&self, state: &StateMap) -> Vec<&'static str> {
        (self.missing_state)(state)
    }
}

/// Runs a blocking handler on tokio's threads for such, within the chain, trace and span of the caller. When the
/// future is dropped (time limit, shutdown) the function runs on to its end, and its answer is lost.
pub async fn run_blocking<F>(function: F) -> Answer
where
    F: FnOnce() -> Answer + Send + 'static,
{
    let (chain, trace) = (Chain::current(), TraceContext::current());
    let span = tracing::Span::current();
    let inside = move || {
        let function = || trace_context::sync_scope(trace, function);
        span.in_scope(|| chain.sync_scope(function))
    };
    tokio::task::spawn_blocking(inside)
        .await
        .unwrap_or_else(|error| Err(not_joined(error)))
}

fn not_joined(error: JoinError) -> HandlerError {
    match error.try_into_panic() {
        Ok(panic) => {
            let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let text = text.unwrap_or_else(|| "no message".to_owned());
            HandlerError::failed(format!("the handler panicked: {text}"))
        }
        Err(_) => HandlerError::retry("the runtime shut down before the handler ran"),
    }
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_blocking_function_sees_the_chain() {
        let chain = Chain {
            depth: 3,
            ..Chain::default()
        };
        let seen = chain
            .scope(run_blocking(|| Ok(Chain::current().depth.into())))
            .await;
        assert!(matches!(seen, Ok(depth) if depth == 3));
    }

    #[tokio::test]
    async fn a_panic_is_a_failure() {
        let error = run_blocking(|| panic!("no {}", 7)).await;
        let Err(HandlerError::Failed {
            error,
            retryable: false,
        }) = error
        else {
            unreachable!()
        };
        assert_eq!(error, "the handler panicked: no 7");
    }
}
