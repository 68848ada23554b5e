use celerysalt::extract::Topic;
use celerysalt::subscribe;

struct OrderPaid {
    order_id: u64,
}

#[subscribe("order.paid")]
async fn on_paid(topic: Topic, event: OrderPaid) {
    drop((topic, event.order_id));
}

fn main() {}
