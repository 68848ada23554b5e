use celerysalt_diesel::{FollowActions, Rules};
use diesel::prelude::*;

diesel::table! {
    nullable (id) {
        id -> BigInt,
        on_change_rules -> Nullable<Jsonb>,
    }
}

diesel::table! {
    number (id) {
        id -> BigInt,
        on_change_rules -> BigInt,
    }
}

#[derive(Selectable, FollowActions)]
#[diesel(table_name = nullable)]
struct Nullable {
    id: i64,
    on_change_rules: Rules,
}

#[derive(Selectable, FollowActions)]
#[diesel(table_name = number)]
struct Number {
    id: i64,
    on_change_rules: Rules,
}

fn main() {}
