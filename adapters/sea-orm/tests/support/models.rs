//! The models and events of the tests.

use celerysalt::event;
use celerysalt::model::Operation;
use celerysalt::rules::Rule;
use celerysalt_sea_orm::Rules;
use rust_decimal::Decimal;
use sea_orm::DbBackend;
use serde_json::json;

/// An order was paid.
#[event("order.paid")]
pub struct OrderPaid {
    /// Which.
    pub id: i64,
    /// How much.
    pub amount: Decimal,
}

/// An order came to be.
#[event("order.created")]
pub struct OrderCreated {
    /// Which.
    pub id: i64,
    /// Its state.
    pub status: String,
}

/// An order is gone.
#[event("order.deleted")]
pub struct OrderDeleted {
    /// Which.
    pub id: i64,
    /// Its last state.
    pub status: String,
}

/// A ticket was closed.
#[event("ticket.closed")]
pub struct TicketClosed {
    /// Which.
    pub key: uuid::Uuid,
}

/// An event that orders may not emit.
#[event("secret.leaked")]
pub struct SecretLeaked {
    /// Whatever.
    pub id: i64,
}

/// An order with a key that the database makes.
pub mod order {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "orders")]
    #[follow(name = "order", events = [super::OrderPaid, super::OrderCreated, "order.deleted"])]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        #[sea_orm(unique)]
        pub number: String,
        #[sea_orm(column_name = "state")]
        pub status: String,
        #[sea_orm(column_type = "Decimal(Some((30, 10)))")]
        pub amount: Decimal,
        pub remark: Option<String>,
        pub on_change_rules: Rules,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
}

/// A ticket with a UUID key, rules in code, hooks of its own, in SeaORM's dense format.
pub mod ticket {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "tickets")]
    #[follow(rules = "rules", code_rules = super::ticket_rules, hooks = "manual")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: Uuid,
        pub state: String,
        pub saves: i32,
        pub rules: Rules,
        #[sea_orm(has_many)]
        pub lines: HasMany<super::line::Entity>,
    }

    #[async_trait::async_trait]
    impl ActiveModelBehavior for ActiveModel {
        async fn before_save<C: ConnectionTrait>(
            mut self,
            db: &C,
            insert: bool,
        ) -> Result<Self, DbErr> {
            let saves = self.saves.clone().into_value();
            let saves =
                saves.and_then(|v| <i32 as sea_orm::sea_query::ValueType>::try_from(v).ok());
            self.saves = sea_orm::ActiveValue::Set(saves.unwrap_or_default() + 1);
            celerysalt_sea_orm::before_save(self, db, insert).await
        }

        async fn after_save<C: ConnectionTrait>(
            model: Model,
            db: &C,
            insert: bool,
        ) -> Result<Model, DbErr> {
            celerysalt_sea_orm::after_save::<Self, C>(model, db, insert).await
        }

        async fn before_delete<C: ConnectionTrait>(self, db: &C) -> Result<Self, DbErr> {
            celerysalt_sea_orm::before_delete(self, db).await
        }

        async fn after_delete<C: ConnectionTrait>(self, db: &C) -> Result<Self, DbErr> {
            celerysalt_sea_orm::after_delete(self, db).await
        }
    }
}

/// A part of a ticket, without rules.
pub mod line {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "ticket_lines")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub ticket_key: Uuid,
        #[sea_orm(belongs_to, from = "ticket_key", to = "key")]
        pub ticket: HasOne<super::ticket::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn ticket_rules() -> Rules {
    let closed = Rule::when(ticket::Model::STATE).eql("closed");
    Rules::from(vec![
        closed
            .emit::<TicketClosed>(json!({"key": "{{ key }}"}))
            .on([Operation::Insert, Operation::Update])
            .id("ticket-closed"),
    ])
}

/// Fires once when an order becomes paid.
pub fn paid() -> Rule {
    Rule::when(order::Model::STATUS)
        .eql("paid")
        .emit::<OrderPaid>(json!({"id": "{{ id }}", "amount": "{{ amount }}"}))
}

/// Fires once when an order is inserted as new.
pub fn created() -> Rule {
    Rule::when(order::Model::STATUS)
        .eql("new")
        .emit::<OrderCreated>(json!({"id": "{{ id }}", "status": "{{ status }}"}))
        .on([Operation::Insert])
}

/// Fires when an order is deleted, whatever its state.
pub fn deleted() -> Rule {
    Rule::when(order::Model::STATUS)
        .not_null()
        .emit::<OrderDeleted>(json!({"id": "{{ id }}", "status": "{{ status }}"}))
        .on([Operation::Delete])
}

/// Fires when an order in this state is deleted.
pub fn deleted_as(status: &str) -> Rule {
    Rule::when(order::Model::STATUS)
        .eql(status)
        .emit::<OrderDeleted>(json!({"id": "{{ id }}", "status": "{{ status }}"}))
        .on([Operation::Delete])
}

pub fn tables(backend: DbBackend) -> &'static [&'static str] {
    match backend {
        DbBackend::Postgres => &[
            "CREATE TABLE orders (id serial PRIMARY KEY, number text NOT NULL UNIQUE, state text NOT NULL,
             amount numeric(30, 10) NOT NULL, remark text, on_change_rules jsonb NOT NULL DEFAULT '[]')",
            "CREATE TABLE tickets (key uuid PRIMARY KEY, state text NOT NULL, saves integer NOT NULL,
             rules jsonb NOT NULL DEFAULT '[]')",
            "CREATE TABLE ticket_lines (id serial PRIMARY KEY, ticket_key uuid NOT NULL REFERENCES tickets (key))",
        ],
        DbBackend::MySql => &[
            "CREATE TABLE orders (id integer AUTO_INCREMENT PRIMARY KEY, number varchar(100) NOT NULL UNIQUE,
             state varchar(100) NOT NULL, amount decimal(30, 10) NOT NULL, remark text,
             on_change_rules json NOT NULL DEFAULT ('[]'))",
            "CREATE TABLE tickets (`key` binary(16) PRIMARY KEY, state varchar(100) NOT NULL, saves integer NOT NULL,
             rules json NOT NULL DEFAULT ('[]'))",
            "CREATE TABLE ticket_lines (id integer AUTO_INCREMENT PRIMARY KEY,
             ticket_key binary(16) NOT NULL REFERENCES tickets (`key`))",
        ],
        _ => &[
            "CREATE TABLE orders (id integer PRIMARY KEY AUTOINCREMENT, number text NOT NULL UNIQUE,
             state text NOT NULL, amount real NOT NULL, remark text,
             on_change_rules text NOT NULL DEFAULT '[]')",
            "CREATE TABLE tickets (key blob PRIMARY KEY, state text NOT NULL, saves integer NOT NULL,
             rules text NOT NULL DEFAULT '[]')",
            "CREATE TABLE ticket_lines (id integer PRIMARY KEY AUTOINCREMENT,
             ticket_key blob NOT NULL REFERENCES tickets (key))",
        ],
    }
}
