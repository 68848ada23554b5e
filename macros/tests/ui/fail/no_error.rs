use celerysalt::subscribe;

struct NoError;

#[subscribe("order.paid", autoretry_for = [NoError])]
async fn on_paid() -> Result<(), NoError> {
    Err(NoError)
}

fn main() {}
