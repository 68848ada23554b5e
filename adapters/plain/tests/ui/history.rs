use celerysalt_plain::{FollowActions, Rules};

#[derive(Clone, FollowActions)]
#[follow(history("status", "statsu"))]
struct Misspelt {
    id: u64,
    status: String,
    on_change_rules: Rules,
}

#[derive(Clone, FollowActions)]
#[follow(history = "status")]
struct OtherForm {
    id: u64,
    status: String,
    on_change_rules: Rules,
}

fn main() {}
