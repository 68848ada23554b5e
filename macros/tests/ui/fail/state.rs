use celerysalt::extract::State;
use celerysalt::subscribe;

struct Mailer;

#[subscribe("order.paid")]
async fn on_paid(State(_mailer): State<Mailer>) {}

fn main() {}
