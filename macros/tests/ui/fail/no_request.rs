use std::time::Duration;

use celerysalt::event;
use celerysalt::rpc::{Call, RpcClient};

#[event("order.paid")]
struct OrderPaid {
    order_id: u64,
}

async fn call(client: &RpcClient) {
    let _ = Call::call(&OrderPaid { order_id: 7 }, client, Duration::from_secs(1)).await;
}

fn main() {}
