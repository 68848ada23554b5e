//! The order: a SeaORM entity with a rules column, and the events that its rules fire.

use celerysalt::prelude::{FollowActions, event};
use celerysalt_sea_orm::Rules;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::entity::prelude::*;

/// An order was paid.
#[event("order.paid")]
pub struct OrderPaid {
    pub order_id: i64,
    pub cents: i64,
}

/// An order's status has changed.
#[event("order.status")]
pub struct OrderStatus {
    pub order_id: i64,
    pub from: String,
    pub to: String,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
#[sea_orm(table_name = "orders")]
#[follow(name = "order", events = [OrderPaid, OrderStatus])]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub status: String,
    pub cents: i64,
    pub on_change_rules: Rules,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

/// A pending order, whose key the database makes.
pub fn pending(cents: i64, rules: Rules) -> ActiveModel {
    ActiveModel {
        status: Set("pending".to_owned()),
        cents: Set(cents),
        on_change_rules: Set(rules),
        ..Default::default()
    }
}

/// A new status for an order, which need not be loaded for it.
pub fn with_status(id: i64, status: &str) -> ActiveModel {
    ActiveModel {
        id: Unchanged(id),
        status: Set(status.to_owned()),
        ..Default::default()
    }
}
