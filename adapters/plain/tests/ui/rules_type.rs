use celerysalt_plain::FollowActions;

#[derive(Clone, FollowActions)]
struct Order {
    id: u64,
    on_change_rules: String,
}

fn main() {}
