use celerysalt_sea_orm::{FollowActions, Rules};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, FollowActions)]
#[sea_orm(table_name = "orders")]
#[follow(nmae = "order")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub on_change_rules: Rules,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

fn main() {}
