use celerysalt::subscribe;

struct NotSerialisable;

#[subscribe("order.paid")]
async fn on_paid() -> NotSerialisable {
    NotSerialisable
}

fn main() {}
