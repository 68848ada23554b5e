//! celerysalt under another path.
use framework::salt;

mod framework {
    pub use celerysalt as salt;
}

#[salt::event("order.paid", crate = crate::framework::salt)]
pub struct OrderPaid {
    pub order_id: u64,
}

#[salt::event_error("order.paid", crate = framework::salt)]
pub struct Failed {
    pub why: String,
}

#[salt::subscribe("order.paid", crate = framework::salt, time_limit = 1.5)]
async fn on_paid(event: OrderPaid) -> Result<(), Failed> {
    Err(Failed { why: event.order_id.to_string() })
}

fn main() {
    assert_eq!(salt::catalog::Catalog::global().unwrap().handlers().len(), 1);
}
