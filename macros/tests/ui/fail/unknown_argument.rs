use celerysalt::{event, event_error, subscribe};

#[event("order.paid", versoin = "v1")]
struct OrderPaid {}

#[event_error("order.paid", mode = "rpc")]
struct Failed {}

#[subscribe("order.paid", retries = 5)]
async fn unknown() {}

#[subscribe("order.paid", priority = 5, priority = 6)]
async fn twice() {}

fn main() {}
