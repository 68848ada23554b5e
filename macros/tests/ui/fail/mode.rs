use celerysalt::event;

#[event("math.add", mode = "rpc")]
struct NoResponse {}

#[event("math.add", error = String)]
struct OnlyError {}

#[event("math.add", mode = "broadcast", response = u8)]
struct Answered {}

#[event("math.add", mode = "call")]
struct Unknown {}

fn main() {}
