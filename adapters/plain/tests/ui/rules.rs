use celerysalt_plain::{FollowActions, Rules};

#[derive(Clone, FollowActions)]
struct NoRules {
    id: u64,
}

#[derive(Clone, FollowActions)]
struct NoKey {
    number: u64,
    on_change_rules: Rules,
}

fn main() {}
