use celerysalt_diesel::{FollowActions, Rules};
use diesel::prelude::*;

diesel::table! {
    orders (id) {
        id -> BigInt,
        sizes -> Bytea,
        on_change_rules -> Jsonb,
    }
}

/// No text, no number, no JSON.
struct Sizes(Vec<u8>);

#[derive(Selectable, FollowActions)]
#[diesel(table_name = orders)]
struct Order {
    id: i64,
    sizes: Sizes,
    on_change_rules: Rules,
}

fn main() {}
