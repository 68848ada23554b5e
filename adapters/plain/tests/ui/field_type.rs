use celerysalt_plain::{FollowActions, Rules};

#[derive(Clone)]
struct Address;

#[derive(Clone, FollowActions)]
struct Order {
    id: u64,
    address: Address,
    on_change_rules: Rules,
}

fn main() {}
