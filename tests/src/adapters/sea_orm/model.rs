//! SeaORM's order.

use celerysalt_sea_orm::{ExactDecimal, Rules};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, IntoActiveModel};

use crate::databases::Kind;
use crate::events::{OrderGone, OrderMade, OrderPaid, OrderRemarked, OrderTold};
use crate::order::{self, Change, Order};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, celerysalt::FollowActions)]
#[sea_orm(table_name = "orders")]
#[follow(
    name = "order",
    events = [OrderMade, OrderPaid, OrderGone, OrderRemarked, OrderTold],
    code_rules = order::code_rules,
    history("status")
)]
pub(super) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(super) id: Uuid,
    #[sea_orm(unique)]
    pub(super) code: String,
    pub(super) status: String,
    pub(super) amount: ExactDecimal,
    pub(super) quantity: Option<i64>,
    pub(super) weight: f64,
    pub(super) vip: bool,
    pub(super) remark: Option<String>,
    pub(super) due: Option<Date>,
    pub(super) paid_at: Option<DateTimeUtc>,
    pub(super) details: Json,
    pub(super) on_change_rules: Rules,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(super) enum Relation {}

/// The table of orders.
pub fn tables(kind: Kind) -> &'static str {
    match kind {
        Kind::Sqlite => {
            "CREATE TABLE orders (id BLOB PRIMARY KEY, code TEXT NOT NULL UNIQUE, status TEXT NOT NULL,
             amount TEXT NOT NULL, quantity INTEGER, weight REAL NOT NULL, vip BOOLEAN NOT NULL, remark TEXT, due TEXT,
             paid_at TEXT, details TEXT NOT NULL, on_change_rules TEXT NOT NULL DEFAULT '[]')"
        }
        Kind::Postgres => {
            "CREATE TABLE orders (id UUID PRIMARY KEY, code TEXT NOT NULL UNIQUE, status TEXT NOT NULL,
             amount NUMERIC(30, 8) NOT NULL, quantity BIGINT, weight DOUBLE PRECISION NOT NULL, vip BOOLEAN NOT NULL,
             remark TEXT, due DATE, paid_at TIMESTAMPTZ, details JSONB NOT NULL,
             on_change_rules JSONB NOT NULL DEFAULT '[]')"
        }
        Kind::MariaDb => {
            "CREATE TABLE orders (id BINARY(16) PRIMARY KEY, code VARCHAR(60) NOT NULL UNIQUE,
             status VARCHAR(60) NOT NULL, amount DECIMAL(30, 8) NOT NULL, quantity BIGINT, weight DOUBLE NOT NULL,
             vip BOOLEAN NOT NULL, remark TEXT, due DATE, paid_at TIMESTAMP(6) NULL, details JSON NOT NULL,
             on_change_rules JSON NOT NULL DEFAULT '[]')"
        }
    }
}

/// The changed columns of an order that was loaded.
pub(super) fn written(order: Order, change: Change) -> ActiveModel {
    let mut row = Model::from(order).into_active_model();
    set(&mut row.code, change.code);
    set(&mut row.status, change.status);
    set(&mut row.amount, change.amount.map(ExactDecimal::from));
    set(&mut row.quantity, change.quantity);
    set(&mut row.weight, change.weight);
    set(&mut row.vip, change.vip);
    set(&mut row.remark, change.remark);
    set(&mut row.due, change.due);
    set(&mut row.paid_at, change.paid_at);
    set(&mut row.details, change.details);
    set(
        &mut row.on_change_rules,
        change.on_change_rules.map(Rules::from),
    );
    row
}

fn set<V: Into<sea_orm::Value>>(column: &mut ActiveValue<V>, value: Option<V>) {
    if let Some(value) = value {
        *column = Set(value);
    }
}

impl From<Order> for Model {
    fn from(order: Order) -> Self {
        Self {
            id: order.id,
            code: order.code,
            status: order.status,
            amount: order.amount.into(),
            quantity: order.quantity,
            weight: order.weight,
            vip: order.vip,
            remark: order.remark,
            due: order.due,
            paid_at: order.paid_at,
            details: order.details,
            on_change_rules: order.on_change_rules.into(),
        }
    }
}

impl From<Model> for Order {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            code: row.code,
            status: row.status,
            amount: row.amount.0,
            quantity: row.quantity,
            weight: row.weight,
            vip: row.vip,
            remark: row.remark,
            due: row.due,
            paid_at: row.paid_at,
            details: row.details,
            on_change_rules: row.on_change_rules.into(),
        }
    }
}
