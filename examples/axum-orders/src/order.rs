//! The order: a SeaORM entity with a rules column, and the event that its rules may fire.

use celerysalt::prelude::{FollowActions, event};
use celerysalt_sea_orm::{ExactDecimal, Rules};
use rust_decimal::Decimal;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

/// An order was paid.
#[event("order.paid")]
pub struct OrderPaid {
    pub order_id: Uuid,
    pub amount: Decimal,
}

/// An order.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel, FollowActions)]
#[sea_orm(table_name = "orders")]
#[follow(name = "order", events = [OrderPaid])]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub status: String,
    pub amount: ExactDecimal,
    pub on_change_rules: Rules,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

/// The table; an exact decimal is text on SQLite.
pub const TABLE: &str = "CREATE TABLE IF NOT EXISTS orders (
    id BLOB PRIMARY KEY, status TEXT NOT NULL, amount TEXT NOT NULL, on_change_rules TEXT NOT NULL DEFAULT '[]')";

/// A pending order without rules.
pub fn pending(amount: Decimal) -> ActiveModel {
    ActiveModel {
        id: Set(Uuid::now_v7()),
        status: Set("pending".to_owned()),
        amount: Set(amount.into()),
        on_change_rules: Set(Rules::default()),
    }
}
