//! The model of the tests: an order whose rules fire when it is made, paid or deleted.

use celerysalt::event;
use celerysalt::model::Operation;
use celerysalt::rules::Rule;
use celerysalt_sea_orm::{ExactDecimal, Rules};
use rust_decimal::Decimal;
use sea_orm::DbBackend;
use sea_orm::entity::prelude::*;
use serde_json::json;
use uuid::Uuid;

/// An order came to be.
#[event("order.made")]
pub struct OrderMade {
    /// The order.
    pub order_id: Uuid,
}

/// An order was paid.
#[event("order.paid")]
pub struct OrderPaid {
    /// The order.
    pub order_id: Uuid,
    /// What was paid.
    pub amount: Decimal,
}

/// An order is gone.
#[event("order.gone")]
pub struct OrderGone {
    /// The order.
    pub order_id: Uuid,
}

/// An order.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel, celerysalt::FollowActions)]
#[sea_orm(table_name = "orders")]
#[follow(name = "order")]
pub struct Model {
    /// Its identity.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `pending`, `paid`, …
    pub status: String,
    /// What it costs.
    pub amount: ExactDecimal,
    /// Its rules.
    pub on_change_rules: Rules,
}

/// Orders stand alone.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

/// The table, in the dialect of a back end.
pub fn ddl(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Sqlite => {
            "CREATE TABLE orders (id BLOB PRIMARY KEY, status TEXT NOT NULL, amount TEXT NOT NULL,
             on_change_rules TEXT NOT NULL DEFAULT '[]')"
        }
        _ => {
            "CREATE TABLE orders (id UUID PRIMARY KEY, status TEXT NOT NULL, amount NUMERIC(12, 2) NOT NULL,
             on_change_rules JSONB NOT NULL DEFAULT '[]')"
        }
    }
}

/// A pending order that tells once when it is made, once when it is paid, and when it goes.
pub fn pending(id: Uuid) -> ActiveModel {
    use sea_orm::ActiveValue::Set;
    let rules = [
        Rule::when(Model::STATUS)
            .eql("pending")
            .on([Operation::Insert])
            .emit::<OrderMade>(json!({"order_id": "{{ id }}"}))
            .once(),
        paid_rule(),
        Rule::when(Model::STATUS)
            .not_null()
            .on([Operation::Delete])
            .emit::<OrderGone>(json!({"order_id": "{{ id }}"}))
            .persistent(),
    ];
    ActiveModel {
        id: Set(id),
        status: Set("pending".into()),
        amount: Set("99.90".parse().expect("a decimal")),
        on_change_rules: Set(rules.into_iter().collect()),
    }
}

/// Tells once that the order was paid.
pub fn paid_rule() -> Rule {
    Rule::when(Model::STATUS)
        .eql("paid")
        .emit::<OrderPaid>(json!({"order_id": "{{ id }}", "amount": "{{ amount }}"}))
        .once()
}
