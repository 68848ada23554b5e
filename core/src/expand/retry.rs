//! `autoretry_for` and `dont_autoretry_for`.

use std::error::Error;
use std::sync::Arc;

use crate::error_text::chain_text;
use crate::handler::HandlerError;

/// Whether an error is of one listed type.
pub type ErrorTest = fn(&(dyn Error + 'static)) -> bool;

/// The types of errors after which a handler is tried again.
#[derive(Default)]
pub struct AutoRetry {
    /// `autoretry_for`
    pub on: &'static [ErrorTest],
    /// `dont_autoretry_for`; wins.
    pub not_on: &'static [ErrorTest],
}

impl AutoRetry {
    pub(super) fn failed(&self, error: &(dyn Error + 'static)) -> HandlerError {
        HandlerError::Failed {
            error: chain_text(error),
            retryable: listed(self.on, error) && !listed(self.not_on, error),
        }
    }
}

/// Whether the error or one of its sources is of a listed type.
fn listed(tests: &[ErrorTest], error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if tests.iter().any(|test| test(error)) {
            return true;
        }
        next = error.source();
    }
    false
}

/// Whether the error is an `A`, also boxed or shared.
pub fn is_error<A: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    error.is::<A>() || error.is::<Box<A>>() || error.is::<Arc<A>>()
}

/// `dyn Error` in a list: Celery's `Exception`.
pub fn any_error(_: &(dyn Error + 'static)) -> bool {
    true
}
