use celerysalt::event;

#[event("order.paid", "v2")]
struct WithoutName {}

#[event("math.add", response = "Sum")]
struct Quoted {}

fn main() {}
