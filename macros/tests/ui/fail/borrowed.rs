use celerysalt::event;

#[event("order.paid")]
struct OrderPaid {
    customer: &'static str,
}

fn main() {}
