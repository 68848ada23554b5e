//! What the application shares with its handlers.

use std::any::type_name;
use std::ops::Deref;

use super::{FromContext, Rejection};
use crate::handler::{Context, StateMap};

/// A value that the application gave to the worker: a pool, a client, settings. Cloned for each call, so
/// large things stand in an `Arc`.
#[derive(Debug, Clone, Copy, Default)]
pub struct State<T>(
    /// The value.
    pub T,
);

impl<T: Clone + Send + Sync + 'static> FromContext for State<T> {
    fn from_context(cx: &Context) -> Result<Self, Rejection> {
        cx.state
            .get()
            .map(Self)
            .ok_or_else(|| Rejection::MissingState {
                expected: type_name::<T>(),
                handler: cx.handler.to_string(),
            })
    }

    fn missing_state(state: &StateMap) -> Option<&'static str> {
        (!state.has::<T>()).then(type_name::<T>)
    }
}

/// State that may be absent. (No other argument is optional: data that does not fit is an error.)
impl<T: Clone + Send + Sync + 'static> FromContext for Option<State<T>> {
    fn from_context(cx: &Context) -> Result<Self, Rejection> {
        Ok(cx.state.get().map(State))
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::extract::testing::context;
    use crate::handler::HandlerError;
    use serde_json::Value;

    #[test]
    fn state_is_found_by_its_type() {
        let mut state = StateMap::default();
        state.insert(7_u8);
        state.insert("text");
        let cx = context("a", Value::Null, state);
        assert_eq!(*State::<u8>::from_context(&cx).unwrap(), 7);
        assert_eq!(State::<&str>::from_context(&cx).unwrap().0, "text");
        assert!(Option::<State<u64>>::from_context(&cx).unwrap().is_none());
    }

    #[test]
    fn absent_state_is_a_failure_that_no_retry_mends() {
        let cx = context("a", Value::Null, StateMap::default());
        let error = HandlerError::from(State::<u8>::from_context(&cx).unwrap_err());
        let HandlerError::Failed {
            error,
            retryable: false,
        } = error
        else {
            unreachable!("{error:?}")
        };
        assert!(
            error.contains("`app::on_event`") && error.contains("`u8`"),
            "{error}"
        );
    }
}
