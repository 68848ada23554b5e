//! Extractors: what a handler's arguments may be.
//!
//! | argument | is |
//! |---|---|
//! | any event type | the payload, read into the type |
//! | [`Payload<T>`] | the payload, read into any type that serde can read |
//! | [`RawEvent`] | topic, version and payload as JSON: for wildcards |
//! | [`Envelope`](crate::event::Envelope) | the whole event as it travelled |
//! | [`Meta`](crate::event::Meta) | everything but the payload: chain, priority, trace context |
//! | [`EventId`], [`Topic`], [`Retries`] | one thing each |
//! | [`Receipt`](crate::inbox::Receipt) | the event and the running handler: for handlers that take effect once |
//! | [`State<T>`] | a value that the application gave to the worker; `Option<State<T>>` when it may be absent |
//! | [`SoftLimit`] | tells when the soft time limit is reached |
//! | [`Context`] | all of the above, by hand |

mod event;
mod limit;
mod parts;
mod rejection;
mod state;

pub use event::Payload;
pub use limit::SoftLimit;
pub use parts::{EventId, RawEvent, Retries, Topic};
pub use rejection::Rejection;
pub use state::State;

use crate::handler::{Context, StateMap};

/// An argument of a handler: made from what the handler is called with.
///
/// ```
/// use celerysalt::extract::{FromContext, Rejection};
/// use celerysalt::handler::Context;
///
/// /// The tenant, the first word of the topic.
/// struct Tenant(String);
///
/// impl FromContext for Tenant {
///     fn from_context(cx: &Context) -> Result<Self, Rejection> {
///         let tenant = cx.envelope.topic.split('.').next().unwrap_or_default();
///         Ok(Self(tenant.to_owned()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a subscriber",
    label = "not an extractor",
    note = "an argument is an event (put `#[celerysalt::event(\"some.topic\")]` on the struct) or one of `celerysalt::extract`: `Payload<T>`, `RawEvent`, `State<T>` (where `T` is `Clone + Send + Sync`), `EventId`, `Topic`, `Retries`, `Receipt`, `SoftLimit`, `Meta`, `Envelope`, `Context`",
    note = "a type of your own becomes one by `impl celerysalt::extract::FromContext`"
)]
pub trait FromContext: Sized {
    /// Makes the argument.
    ///
    /// # Errors
    /// Says what becomes of the event: see [`Rejection`].
    fn from_context(cx: &Context) -> Result<Self, Rejection>;

    /// The name of a type that it needs of the worker's state and that is not among these values; nothing unless told.
    fn missing_state(state: &StateMap) -> Option<&'static str> {
        let _ = state;
        None
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use std::sync::Arc;

    use serde_json::Value;
    use uuid::Uuid;

    use crate::clock::SystemClock;
    use crate::event::{Envelope, Meta};
    use crate::handler::{Context, StateMap};

    pub(crate) fn context(topic: &str, payload: Value, state: StateMap) -> Context {
        let envelope = Envelope {
            id: Uuid::from_u128(7),
            topic: topic.to_owned(),
            version: Some("v1".to_owned()),
            payload,
            meta: Meta::default(),
        };
        Context {
            envelope: Arc::new(envelope),
            handler: "app::on_event".into(),
            retries: 2,
            state: Arc::new(state),
            clock: Arc::new(SystemClock),
            soft_limit: tokio::sync::watch::channel(false).1,
        }
    }
}
