//! What a function's return value means for its event.
//!
//! Which return types may stand on a handler overlap (a `Result` is itself serialisable, an error may be
//! both declared and an `Error`), so no set of blanket impls tells them apart. The expansion calls
//! `(&&&&&&probe(&value)).kind()` instead: method look-up takes the impl with the most references first
//! and passes on when its bounds do not hold. The order here is that of the references.

use std::error::Error;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::Serialize;
use serde_json::Value;

use super::AutoRetry;
use crate::event::DeclaredError;
use crate::handler::HandlerError;

type Answer = Result<Value, HandlerError>;

/// Stands for a return type.
pub struct Probe<T>(PhantomData<fn() -> T>);

/// The probe of a value's type.
pub fn probe<T>(_: &T) -> Probe<T> {
    Probe(PhantomData)
}

/// `Result<R, HandlerError>`: what the function says is what happens.
pub struct Verdict;

impl Verdict {
    /// Converts.
    pub fn finish<R: Serialize>(self, value: Result<R, HandlerError>, _: &AutoRetry) -> Answer {
        value.and_then(answer)
    }
}

/// Chooses [`Verdict`].
pub trait IsVerdict {
    /// Chooses.
    fn kind(&self) -> Verdict {
        Verdict
    }
}

impl<R> IsVerdict for &&&&&Probe<Result<R, HandlerError>> {}

/// `Result<R, E>` with a declared error: the error is an answer.
pub struct Declared;

impl Declared {
    /// Converts.
    pub fn finish<R: Serialize, E: DeclaredError>(
        self,
        value: Result<R, E>,
        _: &AutoRetry,
    ) -> Answer {
        value
            .map_err(|e| HandlerError::declared(&e))
            .and_then(answer)
    }
}

/// Chooses [`Declared`].
pub trait IsDeclared {
    /// Chooses.
    fn kind(&self) -> Declared {
        Declared
    }
}

impl<R, E: DeclaredError> IsDeclared for &&&&Probe<Result<R, E>> {}

/// `Result<R, E>` with a plain error type.
pub struct Fallible;

impl Fallible {
    /// Converts.
    pub fn finish<R: Serialize, E: Error + 'static>(
        self,
        value: Result<R, E>,
        retry: &AutoRetry,
    ) -> Answer {
        value.map_err(|e| retry.failed(&e)).and_then(answer)
    }
}

/// Chooses [`Fallible`].
pub trait IsFallible {
    /// Chooses.
    fn kind(&self) -> Fallible {
        Fallible
    }
}

impl<R, E: Error + 'static> IsFallible for &&&Probe<Result<R, E>> {}

/// `Result<R, E>` where `E` points to an error: `Box<dyn Error…>`, `anyhow::Error`, `eyre::Report`. Looked
/// through rather than converted: `anyhow` boxes what it converts into a type that no downcast finds.
pub struct Pointed;

impl Pointed {
    /// Converts.
    pub fn finish<R: Serialize, E: Deref<Target: ErrorObject>>(
        self,
        value: Result<R, E>,
        retry: &AutoRetry,
    ) -> Answer {
        value.map_err(|e| retry.failed(e.object())).and_then(answer)
    }
}

/// Chooses [`Pointed`].
pub trait IsPointed {
    /// Chooses.
    fn kind(&self) -> Pointed {
        Pointed
    }
}

impl<R, E: Deref<Target: ErrorObject>> IsPointed for &&Probe<Result<R, E>> {}

/// The three usual error objects.
pub trait ErrorObject {
    /// As the plainest of them.
    fn object(&self) -> &(dyn Error + 'static);
}

impl ErrorObject for dyn Error + 'static {
    fn object(&self) -> &(dyn Error + 'static) {
        self
    }
}

impl ErrorObject for dyn Error + Send + 'static {
    fn object(&self) -> &(dyn Error + 'static) {
        self
    }
}

impl ErrorObject for dyn Error + Send + Sync + 'static {
    fn object(&self) -> &(dyn Error + 'static) {
        self
    }
}

/// `Result<R, E>` with an error that only becomes one: `String`, `&str`, a foreign wrapper.
pub struct Boxable;

impl Boxable {
    /// Converts.
    pub fn finish<R: Serialize, E: Into<Box<dyn Error + Send + Sync>>>(
        self,
        value: Result<R, E>,
        retry: &AutoRetry,
    ) -> Answer {
        value.map_err(|e| retry.failed(&*e.into())).and_then(answer)
    }
}

/// Chooses [`Boxable`].
pub trait IsBoxable {
    /// Chooses.
    fn kind(&self) -> Boxable {
        Boxable
    }
}

impl<R, E: Into<Box<dyn Error + Send + Sync>>> IsBoxable for &Probe<Result<R, E>> {}

/// `Result<R, E>` where `E` is no error at all: does not compile.
pub struct NoError;

impl NoError {
    /// Never called: nothing is a [`HandlerFailure`].
    pub fn finish<R, E: HandlerFailure>(self, value: Result<R, E>, _: &AutoRetry) -> Answer {
        let _ = value;
        Ok(Value::Null)
    }
}

/// The error of a handler; nothing implements it, it only carries the message.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a subscriber",
    note = "implement `std::error::Error` for it (a failure), or put `#[celerysalt::event_error(\"some.topic\")]` on it (the declared error of an RPC)"
)]
pub trait HandlerFailure {}

// An inherent method goes before a trait's of the same self type: a `Result` never counts as a plain value.
impl<R, E> Probe<Result<R, E>> {
    /// Chooses [`NoError`].
    pub fn kind(&self) -> NoError {
        NoError
    }
}

/// Anything else: the answer of a function that cannot fail.
pub struct Plain;

impl Plain {
    /// Converts.
    pub fn finish<R: Serialize>(self, value: R, _: &AutoRetry) -> Answer {
        answer(value)
    }
}

/// Chooses [`Plain`].
pub trait IsPlain {
    /// Chooses.
    fn kind(&self) -> Plain {
        Plain
    }
}

impl<T> IsPlain for Probe<T> {}

fn answer<R: Serialize>(value: R) -> Answer {
    serde_json::to_value(value).map_err(|error| {
        HandlerError::failed(format!("the answer cannot be written as JSON: {error}"))
    })
}
