//! A user's crate that allows nothing: the expansions add no warning, no unsafe code that the lint sees, and need
//! no dependency but celerysalt.
#![deny(warnings, missing_docs, unused, unreachable_pub, missing_debug_implementations)]
#![deny(unused_qualifications, unused_results, let_underscore_drop, elided_lifetimes_in_paths)]
#![deny(clippy::all, clippy::pedantic)]
#![forbid(unsafe_code)]

use celerysalt::catalog::{Catalog, Role};
use celerysalt::extract::{RawEvent, State, Topic};
use celerysalt::handler::HandlerError;
use celerysalt::{event, event_error, event_response, subscribe};

/// Shadows that an expansion must not fall for.
mod serde {}
mod schemars {}
mod inventory {}
#[allow(dead_code)]
struct Result;
#[allow(dead_code)]
struct Option;
#[allow(dead_code)]
struct Probe;

/// Documented.
#[event("order.paid")]
pub struct OrderPaid {
    /// Documented.
    pub order_id: u64,
    /// Documented.
    pub note: std::option::Option<String>,
}

/// Nothing but itself.
#[event("clock.ticked", version = "v3", name = "Tick")]
pub struct Ticked {}

/// A request.
#[event("math.add", mode = "rpc", response = Sum, error = AddError)]
pub struct Add {
    /// Documented.
    pub numbers: Vec<u8>,
}

/// An answer.
#[event_response("math.add")]
#[derive(PartialEq, Eq)]
pub struct Sum {
    /// Documented.
    pub sum: u8,
}

/// A declared error.
#[event_error("math.add")]
pub enum AddError {
    /// Documented.
    Overflow,
}

#[subscribe("math.add")]
async fn add(request: Add) -> std::result::Result<Sum, AddError> {
    let sum = request.numbers.iter().try_fold(0_u8, |sum, n| sum.checked_add(*n));
    sum.map(|sum| Sum { sum }).ok_or(AddError::Overflow)
}

#[subscribe("order.#", autoretry_for = (std::fmt::Error, dyn std::error::Error), max_retries = none)]
fn blocking(event: RawEvent, Topic(topic): Topic, State(limit): State<usize>) -> std::io::Result<()> {
    assert!(event.topic == topic && topic.len() < limit);
    Ok(())
}

#[subscribe("*.ticked")]
async fn nothing() {}

#[subscribe("order.paid")]
async fn verdict(event: OrderPaid) -> std::result::Result<String, HandlerError> {
    event.note.ok_or_else(|| HandlerError::reject("no note"))
}

#[cfg(any())]
#[subscribe("order.paid")]
async fn left_out(event: NoSuchType) {}

/// A submodule with the prelude.
pub mod with_prelude {
    use celerysalt::prelude::*;

    /// Documented.
    #[event("user.created")]
    pub struct UserCreated {
        /// Documented.
        pub name: String,
    }

    #[subscribe("user.*")]
    async fn greet(event: UserCreated, id: EventId, meta: Meta) {
        assert!(!event.name.is_empty() && !id.0.is_nil() && meta.priority.is_none());
    }
}

fn main() {
    let catalog = Catalog::global().unwrap();
    let handlers = catalog.handlers();
    let names: Vec<_> = handlers.iter().map(|h| h.name.rsplit("::").next().unwrap()).collect();
    assert_eq!(names, ["add", "blocking", "nothing", "verdict", "greet"]);
    assert_eq!(catalog.find("Tick").unwrap().version(), "v3");
    assert!(catalog.event("math.add", Role::Error, "v1").is_some());
    catalog.expect(["order.paid", "user.created"]).unwrap();
}
