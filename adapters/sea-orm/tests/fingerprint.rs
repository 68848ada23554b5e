//! What a save without a transaction tells the row by: no change between its read and its write is overlooked, whatever
//! the database takes for equal.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use celerysalt::event;
use celerysalt::rules::Rule;
use celerysalt_sea_orm::Rules;
use futures::FutureExt;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbBackend, EntityTrait, Iterable, ModelTrait};
use serde_json::json;
use support::interleaved::Interleaved;
use support::outbox;

/// A gauge tells something else.
#[event("gauge.moved")]
pub struct GaugeMoved {
    /// Which.
    pub id: i64,
}

/// Values that databases compare and show in their own ways.
pub mod gauge {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "gauges")]
    #[follow(name = "gauge")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        pub name: String,
        pub level: f32,
        pub exact: f64,
        pub data: Option<Json>,
        pub seen_at: Option<ChronoDateTime>,
        pub on_change_rules: Rules,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    pub const FIELDS: [&str; 5] = ["name", "level", "exact", "data", "seen_at"];
}

on_each! {
    async fn no_change_of_a_value_is_overlooked(test: &TestDb) {
        test.db.execute_unprepared(&table(test.db.get_database_backend())).await.unwrap();
        for (what, mine, others) in changes() {
            let mut noticed = 0;
            for at in 1..12 {
                gauge::Entity::delete_many().exec(&test.db).await.unwrap();
                gauge::Entity::insert(with_rules(mine.clone())).exec(&test.db).await.unwrap();
                let before = outbox(&test.db).await.len();
                // By a statement without hooks: the row's rules stay as they are.
                let change = || async { drop(gauge::Entity::update(others.clone()).exec(&test.db).await.unwrap()) }.boxed();
                let db = Interleaved::new(&test.db, at, change);
                gauge::ActiveModel { id: Unchanged(1), ..mine.clone() }.update(&db).await.unwrap();
                // What this save has overwritten was another value: it fires. What came after it did not see.
                let stands = gauge::Entity::find_by_id(1).one(&test.db).await.unwrap().unwrap();
                let is_mine = stands_in(&mine, &stands);
                let expected = usize::from(db.happened() && is_mine);
                assert_eq!(outbox(&test.db).await.len() - before, expected, "{what} {at}");
                noticed += expected;
            }
            assert!(noticed > 0, "{what}");
        }
    }
}

/// A value of each kind, and one that a database may take for the same.
fn changes() -> [(&'static str, gauge::ActiveModel, gauge::ActiveModel); 7] {
    let none = <gauge::ActiveModel as Default>::default;
    let at = |micros: i64| chrono::DateTime::from_timestamp_micros(micros).map(|at| at.naive_utc());
    let named = |name: &str| gauge::ActiveModel {
        name: Set(name.to_owned()),
        ..none()
    };
    let level = |level| gauge::ActiveModel {
        level: Set(level),
        ..none()
    };
    let exact = |exact| gauge::ActiveModel {
        exact: Set(exact),
        ..none()
    };
    let data = |data| gauge::ActiveModel {
        data: Set(data),
        ..none()
    };
    let seen = |micros| gauge::ActiveModel {
        seen_at: Set(at(micros)),
        ..none()
    };
    let pairs = [
        ("letter case", named("a"), named("A")),
        ("a space at the end", named("a"), named("a ")),
        (
            "a float's seventh digit",
            level(16_777_216.0),
            level(16_777_218.0),
        ),
        ("a double's last digit", exact(0.3), exact(0.1 + 0.2)),
        (
            "a list's order",
            data(Some(json!([1, 2]))),
            data(Some(json!([2, 1]))),
        ),
        (
            "null and a JSON null's text",
            data(None),
            data(Some(json!("null"))),
        ),
        ("a microsecond", seen(1_000_000), seen(1_000_001)),
    ];
    pairs.map(|(what, mine, mut others)| {
        others.id = Unchanged(1);
        (what, mine, others)
    })
}

/// A row with what is set, and a persistent rule for every field.
fn with_rules(mut model: gauge::ActiveModel) -> gauge::ActiveModel {
    let rules = gauge::FIELDS.map(|field| {
        let rule = Rule::when(field).changed();
        rule.emit::<GaugeMoved>(json!({"id": "{{ id }}"}))
            .persistent()
    });
    model.id = Set(1);
    model.on_change_rules = Set(Rules::from(rules.to_vec()));
    model
}

/// Whether what is set in a model stands in a row.
fn stands_in(model: &gauge::ActiveModel, row: &gauge::Model) -> bool {
    gauge::Column::iter().all(|column| match model.get(column) {
        Set(value) => row.get(column) == value,
        _ => true,
    })
}

/// Names compare without case where the database can do that.
fn table(backend: DbBackend) -> String {
    let (name, level, exact, data, at, json) = match backend {
        DbBackend::Postgres => (
            "text",
            "real",
            "double precision",
            "jsonb",
            "timestamp",
            "jsonb",
        ),
        DbBackend::MySql => (
            "varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
            "float",
            "double",
            "json",
            "datetime(6)",
            "json",
        ),
        _ => (
            "text COLLATE NOCASE",
            "real",
            "real",
            "text",
            "text",
            "text",
        ),
    };
    format!(
        "CREATE TABLE gauges (id integer PRIMARY KEY, name {name} NOT NULL DEFAULT 'other',
         level {level} NOT NULL DEFAULT 1.5, exact {exact} NOT NULL DEFAULT 1.5, data {data}, seen_at {at}, on_change_rules {json} NOT NULL DEFAULT '[]')"
    )
}
