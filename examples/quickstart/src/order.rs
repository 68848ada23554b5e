//! The order: a SeaORM entity whose rules column carries the rules.

use celerysalt::prelude::*;
use celerysalt_sea_orm::Rules;
use rust_decimal::Decimal;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

/// An order was paid.
#[event("order.paid")]
pub struct OrderPaid {
    pub order_id: Uuid,
    pub amount: Decimal,
}

/// The status of an order has changed.
#[event("order.status")]
pub struct OrderStatus {
    pub order_id: Uuid,
    pub from: String,
    pub to: String,
}

/// An order.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel, FollowActions)]
#[sea_orm(table_name = "orders")]
#[follow(name = "order")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub status: String,
    #[sea_orm(column_type = "Text")]
    pub amount: Decimal,
    pub on_change_rules: Rules,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}
