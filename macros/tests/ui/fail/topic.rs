use celerysalt::{event, event_response, subscribe};

#[event("order..paid")]
struct EmptyWord {}

#[event("order.*")]
struct Wildcard {}

#[event("order paid")]
struct Space {}

#[event("")]
struct Empty {}

#[event]
struct None {}

#[event(version = "v1")]
struct NotFirst {}

#[event_response("a.b", version = "2")]
struct Version {}

#[subscribe("order.pai*")]
async fn half_a_wildcard() {}

#[subscribe("order.paid", version = "newest")]
async fn version() {}

fn main() {}
