//! Orders with lines, a customer, and tags that are linked by rows with rules of their own; each in a format of SeaORM's.

use celerysalt::event;
use celerysalt::model::Operation;
use celerysalt::rules::Rule;
use celerysalt_sea_orm::Rules;
use sea_orm::DbBackend;
use serde_json::json;

macro_rules! moved {
    ($($(#[$doc:meta])* $name:ident $topic:literal)+) => {$(
        $(#[$doc])*
        #[event($topic)]
        pub struct $name {
            /// What became of it.
            pub to: String,
        }
    )+};
}

moved! {
    /// A customer came to be or moved.
    CustomerMoved "nested.customer"
    /// An order came to be or moved.
    PurchaseMoved "nested.purchase"
    /// A line came to be, changed or went.
    LineMoved "nested.line"
    /// A tag was put to an order or taken away.
    LinkMoved "nested.link"
}

pub mod customer {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "customers")]
    #[follow(code_rules = super::customer_rules)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub state: String,
        pub on_change_rules: Rules,
        #[sea_orm(has_many)]
        pub purchases: HasMany<super::purchase::Entity>,
    }
}

pub mod purchase {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "purchases")]
    #[follow(code_rules = super::purchase_rules)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub customer_id: i32,
        pub state: String,
        pub on_change_rules: Rules,
        #[sea_orm(belongs_to, from = "customer_id", to = "id")]
        pub customer: BelongsTo<super::customer::Entity>,
        #[sea_orm(has_many)]
        pub lines: HasMany<super::line::Entity>,
        #[sea_orm(has_many, via = "purchase_tag")]
        pub tags: HasMany<super::tag::Entity>,
    }
}

pub mod line {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "purchase_lines")]
    #[follow(code_rules = super::line_rules)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub purchase_id: i32,
        pub sku: String,
        pub on_change_rules: Rules,
        #[sea_orm(belongs_to, from = "purchase_id", to = "id")]
        pub purchase: BelongsTo<super::purchase::Entity>,
    }
}

pub mod tag {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tags")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub name: String,
        #[sea_orm(has_many, via = "purchase_tag")]
        pub purchases: HasMany<super::purchase::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod purchase_tag {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "purchase_tags")]
    #[follow(code_rules = super::link_rules)]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub purchase_id: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub tag_id: i32,
        pub on_change_rules: Rules,
        #[sea_orm(belongs_to, from = "purchase_id", to = "id")]
        pub purchase: BelongsTo<super::purchase::Entity>,
        #[sea_orm(belongs_to, from = "tag_id", to = "id")]
        pub tag: BelongsTo<super::tag::Entity>,
    }
}

/// SeaORM's compact format: relations by hand.
pub mod note {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "customer_notes")]
    #[follow(code_rules = super::note_rules)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub customer_id: i32,
        pub state: String,
        pub on_change_rules: Rules,
        pub customer: HasOne<super::customer::Entity>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::customer::Entity",
            from = "Column::CustomerId",
            to = "super::customer::Column::Id"
        )]
        Customer,
    }

    impl Related<super::customer::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Customer.def()
        }
    }
}

fn customer_rules() -> Rules {
    changes(
        Rule::when(customer::Model::STATE)
            .changed()
            .emit::<CustomerMoved>(json!({"to": "{{ state }}"})),
    )
}

fn purchase_rules() -> Rules {
    changes(
        Rule::when(purchase::Model::STATE)
            .changed()
            .emit::<PurchaseMoved>(json!({"to": "{{ state }}"})),
    )
}

fn line_rules() -> Rules {
    let gone = Rule::when(line::Model::SKU)
        .not_null()
        .emit::<LineMoved>(json!({"to": "no {{ sku }}"}))
        .on([Operation::Delete]);
    let mut rules = changes(
        Rule::when(line::Model::SKU)
            .changed()
            .emit::<LineMoved>(json!({"to": "{{ sku }}"})),
    );
    rules.push(gone.id("gone"));
    rules
}

fn link_rules() -> Rules {
    let tag = || Rule::when(purchase_tag::Model::TAG_ID).not_null();
    Rules::from(vec![
        tag()
            .emit::<LinkMoved>(json!({"to": "on"}))
            .on([Operation::Insert])
            .id("on"),
        tag()
            .emit::<LinkMoved>(json!({"to": "off"}))
            .on([Operation::Delete])
            .id("off"),
    ])
}

fn note_rules() -> Rules {
    changes(
        Rule::when(note::Model::STATE)
            .changed()
            .emit::<CustomerMoved>(json!({"to": "{{ state }}"})),
    )
}

fn changes(rule: Rule) -> Rules {
    Rules::from(vec![
        rule.on([Operation::Insert, Operation::Update])
            .id("changes"),
    ])
}

pub fn tables(backend: DbBackend) -> Vec<String> {
    let (serial, text, json) = match backend {
        DbBackend::Postgres => ("serial PRIMARY KEY", "text", "jsonb"),
        DbBackend::MySql => ("integer AUTO_INCREMENT PRIMARY KEY", "varchar(100)", "json"),
        _ => ("integer PRIMARY KEY AUTOINCREMENT", "text", "text"),
    };
    let rules = format!("on_change_rules {json} NOT NULL DEFAULT '[]'");
    vec![
        format!("CREATE TABLE customers (id {serial}, state {text} NOT NULL, {rules})"),
        format!(
            "CREATE TABLE purchases (id {serial}, customer_id integer NOT NULL REFERENCES customers (id),
             state {text} NOT NULL, {rules})"
        ),
        format!(
            "CREATE TABLE purchase_lines (id {serial}, purchase_id integer NOT NULL REFERENCES purchases (id),
             sku {text} NOT NULL UNIQUE, {rules})"
        ),
        format!("CREATE TABLE tags (id {serial}, name {text} NOT NULL)"),
        format!(
            "CREATE TABLE purchase_tags (purchase_id integer NOT NULL REFERENCES purchases (id),
             tag_id integer NOT NULL REFERENCES tags (id), {rules}, PRIMARY KEY (purchase_id, tag_id))"
        ),
        format!(
            "CREATE TABLE customer_notes (id {serial}, customer_id integer NOT NULL REFERENCES customers (id),
             state {text} NOT NULL, {rules})"
        ),
    ]
}
