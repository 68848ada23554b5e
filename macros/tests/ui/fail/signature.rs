use celerysalt::event::Meta;
use celerysalt::extract::Retries;
use celerysalt::subscribe;

#[subscribe("a")]
async fn by_reference(_meta: &Meta) {}

#[subscribe("a")]
async fn generic<T>(_meta: T) {}

#[subscribe("a")]
async fn opaque(_meta: impl Clone) {}

#[subscribe("a")]
async fn nine(
    _1: Retries,
    _2: Retries,
    _3: Retries,
    _4: Retries,
    _5: Retries,
    _6: Retries,
    _7: Retries,
    _8: Retries,
    _9: Retries,
) {
}

fn main() {}
