use celerysalt::subscribe;

#[subscribe("a", rate_limit = "100/d")]
async fn rate() {}

#[subscribe("a", rate_limit = 0)]
async fn no_rate() {}

#[subscribe("a", max_retries = -1)]
async fn retries() {}

#[subscribe("a", default_retry_delay = "30")]
async fn delay() {}

#[subscribe("a", retry_backoff = 1.5)]
async fn backoff() {}

#[subscribe("a", priority = 256)]
async fn priority() {}

#[subscribe("a", acks_late = 1)]
async fn flag() {}

#[subscribe("a", time_limit = 0)]
async fn no_time() {}

#[subscribe("a", time_limit = 60, soft_time_limit = 60)]
async fn soft() {}

#[subscribe("a", autoretry_for = [dyn Send])]
async fn trait_object() {}

fn main() {}
