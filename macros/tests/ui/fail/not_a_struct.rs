use celerysalt::{event, event_response, subscribe};

#[event("a")]
enum Enum {
    A,
}

#[event("a")]
struct Tuple(u8);

#[event("a")]
struct Unit;

#[event("a")]
struct Generic<T> {
    value: T,
}

#[event_response("a")]
fn function() {}

#[subscribe("a")]
struct NotAFunction;

fn main() {}
