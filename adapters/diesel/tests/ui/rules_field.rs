use celerysalt_diesel::{FollowActions, Rules};
use diesel::prelude::*;

diesel::table! {
    orders (id) {
        id -> BigInt,
        on_change_rules -> Jsonb,
    }
}

#[derive(Selectable, FollowActions)]
#[diesel(table_name = orders)]
struct NoRules {
    id: i64,
}

#[derive(Selectable, FollowActions)]
#[diesel(table_name = orders)]
struct OfAnotherType {
    id: i64,
    on_change_rules: serde_json::Value,
}

#[derive(Selectable, FollowActions)]
#[diesel(table_name = orders)]
struct Optional {
    id: i64,
    on_change_rules: Option<Rules>,
}

fn main() {}
