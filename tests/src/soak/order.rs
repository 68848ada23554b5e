//! The model of the soak: an order that moves between statuses, under every kind of rule.

use celerysalt::event;
use celerysalt::model::Operation;
use celerysalt::rules::Rule;
use celerysalt_sea_orm::Rules;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use serde_json::json;

/// An order came to be.
#[event("soak.made")]
pub struct Made {
    /// The order.
    pub order: i64,
    /// Which save it was.
    pub revision: i64,
}

/// An order has another status.
#[event("soak.moved")]
pub struct Moved {
    /// The order.
    pub order: i64,
    /// Which save it was.
    pub revision: i64,
    /// The status before.
    pub from: String,
    /// The status now.
    pub to: String,
}

/// An order was paid for the first time.
#[event("soak.paid")]
pub struct Paid {
    /// The order.
    pub order: i64,
    /// Which save it was.
    pub revision: i64,
}

/// An order reached the status that a ticket waited for.
#[event("soak.reached")]
pub struct Reached {
    /// The order.
    pub order: i64,
    /// Which save it was.
    pub revision: i64,
    /// The ticket.
    pub ticket: String,
}

/// An order is gone.
#[event("soak.gone")]
pub struct Gone {
    /// The order.
    pub order: i64,
    /// The save before.
    pub revision: i64,
}

/// An order.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel, celerysalt::FollowActions)]
#[sea_orm(table_name = "soak_orders")]
#[follow(name = "soak_order")]
pub struct Model {
    /// Its identity, made anew after a delete.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// One of [`STATUSES`].
    pub status: String,
    /// A number of the last save's own.
    pub revision: i64,
    /// The last ticket: the status that it waits for, and a number of its own.
    pub ticket: Option<String>,
    /// Its rules.
    pub on_change_rules: Rules,
}

/// Orders stand alone.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

/// What an order can be, from the first on.
pub const STATUSES: [&str; 4] = ["pending", "paid", "shipped", "returned"];

/// A new order, with a rule for each event.
pub fn made(id: i64, revision: i64) -> ActiveModel {
    let this_save = || json!({"order": "{{ id }}", "revision": "{{ revision }}"});
    let rules = [
        Rule::when(Model::STATUS)
            .not_null()
            .on([Operation::Insert])
            .emit::<Made>(this_save())
            .once(),
        Rule::when(Model::STATUS)
            .changed()
            .emit::<Moved>(json!({
                "order": "{{ id }}", "revision": "{{ revision }}",
                "from": "{{ old.status }}", "to": "{{ status }}",
            }))
            .persistent(),
        Rule::when(Model::STATUS)
            .eql("paid")
            .emit::<Paid>(this_save())
            .once(),
        Rule::when(Model::STATUS)
            .not_null()
            .on([Operation::Delete])
            .emit::<Gone>(this_save())
            .persistent(),
    ];
    ActiveModel {
        id: Set(id),
        status: Set(STATUSES[0].into()),
        revision: Set(revision),
        ticket: Set(None),
        on_change_rules: Set(rules.into_iter().collect()),
    }
}

/// The rule of a ticket.
pub fn ticket_rule(ticket: &str) -> Rule {
    Rule::when(Model::STATUS)
        .eql(awaited(ticket))
        .emit::<Reached>(json!({
            "order": "{{ id }}", "revision": "{{ revision }}", "ticket": ticket,
        }))
        .once()
}

/// A ticket that waits for a status.
pub fn ticket(status: &str) -> String {
    format!("{status}:{}", Uuid::new_v4().simple())
}

/// The status that a ticket waits for.
pub fn awaited(ticket: &str) -> &str {
    ticket.split(':').next().unwrap_or_default()
}
