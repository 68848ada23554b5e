//! An invoice.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

/// What a customer owes.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoices")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub subscription_id: Uuid,
    pub cents: i64,
    pub status: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A new invoice that is not paid yet.
pub fn open(subscription_id: Uuid, cents: i64) -> ActiveModel {
    ActiveModel {
        id: Set(Uuid::now_v7()),
        subscription_id: Set(subscription_id),
        cents: Set(cents),
        status: Set("open".to_owned()),
    }
}
