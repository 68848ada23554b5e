use celerysalt_diesel::{FollowActions, Rules};
use diesel::prelude::*;

diesel::table! {
    orders (id) {
        id -> BigInt,
    }
}

#[derive(Selectable, FollowActions)]
#[diesel(table_name = orders)]
struct Order {
    id: i64,
    on_change_rules: Rules,
}

fn main() {}
