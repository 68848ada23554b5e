use celerysalt_sea_orm::{FollowActions, Rules};

#[derive(FollowActions)]
pub struct Order {
    pub id: i32,
    pub on_change_rules: Rules,
}

fn main() {}
