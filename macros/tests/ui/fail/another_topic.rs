use celerysalt::extract::Payload;
use celerysalt::{event, subscribe};

#[event("order.paid")]
struct OrderPaid {
    order_id: u64,
}

#[subscribe("order.piad")]
async fn misspelt(event: OrderPaid) {
    drop(event.order_id);
}

#[subscribe("*.paid.#")]
async fn fits(event: OrderPaid) {
    drop(event.order_id);
}

#[subscribe("parcel.#")]
async fn of_others(Payload(event): Payload<OrderPaid>) {
    drop(event.order_id);
}

fn main() {}
