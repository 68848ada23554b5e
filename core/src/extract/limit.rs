//! The soft time limit.

use tokio::sync::watch;

use super::{FromContext, Rejection};
use crate::handler::Context;

/// Tells a handler that its soft time limit is reached and that it should come to an end before the hard one.
///
/// ```
/// use celerysalt::extract::SoftLimit;
/// # async fn step() -> bool { true }
///
/// #[celerysalt::subscribe("report.wanted", soft_time_limit = 50, time_limit = 60)]
/// async fn report(mut limit: SoftLimit) {
///     while !limit.is_reached() {
///         if step().await { return; }
///     }
///     // keep what is done so far
/// }
/// ```
#[derive(Debug, Clone)]
pub struct SoftLimit(watch::Receiver<bool>);

impl SoftLimit {
    /// Ends when the limit is reached; never for a handler without one. Cancel-safe.
    pub async fn reached(&mut self) {
        if self.0.wait_for(|&reached| reached).await.is_err() {
            // The worker holds the other end while the handler runs; without it there is no limit.
            std::future::pending().await
        }
    }

    /// Whether the limit is reached: for blocking functions.
    pub fn is_reached(&self) -> bool {
        *self.0.borrow()
    }
}

impl FromContext for SoftLimit {
    fn from_context(cx: &Context) -> Result<Self, Rejection> {
        Ok(Self(cx.soft_limit.clone()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::extract::testing::context;
    use crate::handler::StateMap;
    use futures::FutureExt;
    use serde_json::Value;

    #[test]
    fn it_is_reached_when_the_worker_says_so() {
        let (worker, handler) = watch::channel(false);
        let mut cx = context("a", Value::Null, StateMap::default());
        cx.soft_limit = handler;
        let mut limit = SoftLimit::from_context(&cx).unwrap();
        assert!(!limit.is_reached());
        assert!(limit.reached().now_or_never().is_none());
        worker.send(true).unwrap();
        assert!(limit.is_reached());
        assert!(limit.reached().now_or_never().is_some());
    }

    #[test]
    fn without_a_limit_it_is_never_reached() {
        let cx = context("a", Value::Null, StateMap::default());
        let mut limit = SoftLimit::from_context(&cx).unwrap();
        assert!(limit.reached().now_or_never().is_none());
    }
}
