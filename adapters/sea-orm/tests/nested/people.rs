//! People with a boss, a badge, desks that may be nobody's, and friends: the shapes of SeaORM's dense format that are not
//! those of an order.

use celerysalt::event;
use celerysalt::model::Operation;
use celerysalt::rules::{Rule, RuleDraft};
use celerysalt_sea_orm::Rules;
use sea_orm::DbBackend;
use serde_json::json;

/// Something became of a person, or of what is theirs.
#[event("people.told")]
pub struct Told {
    /// What.
    pub what: String,
}

pub mod person {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "people")]
    #[follow(code_rules = super::person_rules)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub name: String,
        pub boss_id: Option<i32>,
        pub on_change_rules: Rules,
        #[sea_orm(
            self_ref,
            relation_enum = "Boss",
            relation_reverse = "Staff",
            from = "boss_id",
            to = "id"
        )]
        pub boss: BelongsTo<Option<Entity>>,
        #[sea_orm(self_ref, relation_enum = "Staff", relation_reverse = "Boss")]
        pub staff: HasMany<Entity>,
        #[sea_orm(has_one)]
        pub badge: HasOne<super::badge::Entity>,
        #[sea_orm(has_many)]
        pub desks: HasMany<super::desk::Entity>,
        #[sea_orm(self_ref, via = "friendship", from = "Person", to = "Friend")]
        pub friends: HasMany<Entity>,
        #[sea_orm(self_ref, via = "friendship", reverse)]
        pub befriended: HasMany<Entity>,
    }
}

pub mod badge {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "badges")]
    #[follow(code_rules = super::badge_rules)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        #[sea_orm(unique)]
        pub person_id: i32,
        pub color: String,
        pub on_change_rules: Rules,
        #[sea_orm(belongs_to, from = "person_id", to = "id")]
        pub person: BelongsTo<super::person::Entity>,
    }
}

pub mod desk {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "desks")]
    #[follow(code_rules = super::desk_rules)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub person_id: Option<i32>,
        pub place: String,
        pub on_change_rules: Rules,
        #[sea_orm(belongs_to, from = "person_id", to = "id")]
        pub person: BelongsTo<Option<super::person::Entity>>,
    }
}

pub mod friendship {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "friendships")]
    #[follow(code_rules = super::friendship_rules)]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub person_id: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub friend_id: i32,
        #[sea_orm(default_value = "new")]
        pub state: String,
        pub on_change_rules: Rules,
        #[sea_orm(belongs_to, relation_enum = "Person", from = "person_id", to = "id")]
        pub person: BelongsTo<super::person::Entity>,
        #[sea_orm(belongs_to, relation_enum = "Friend", from = "friend_id", to = "id")]
        pub friend: BelongsTo<super::person::Entity>,
    }
}

fn person_rules() -> Rules {
    let boss = Rule::when(person::Model::BOSS_ID);
    Rules::from(vec![
        told(Rule::when(person::Model::NAME).changed(), "{{ name }}")
            .on([Operation::Insert, Operation::Update])
            .id("named"),
        told(
            boss.changed(),
            "{{ name }} {{ 'led' if boss_id else 'free' }}",
        )
        .id("led"),
    ])
}

fn badge_rules() -> Rules {
    let color = || Rule::when(badge::Model::COLOR);
    Rules::from(vec![
        told(color().changed(), "{{ color }} badge")
            .on([Operation::Insert, Operation::Update])
            .id("on"),
        told(color().not_null(), "no {{ color }} badge")
            .on([Operation::Delete])
            .id("off"),
    ])
}

fn desk_rules() -> Rules {
    let owner = Rule::when(desk::Model::PERSON_ID).changed();
    let data = "{{ place }} {{ 'taken' if person_id else 'free' }}";
    Rules::from(vec![told(owner, data).id("owner")])
}

fn friendship_rules() -> Rules {
    let state = || Rule::when(friendship::Model::STATE).not_null();
    Rules::from(vec![
        told(state(), "{{ state }} friend")
            .on([Operation::Insert])
            .id("on"),
        told(state(), "no {{ state }} friend")
            .on([Operation::Delete])
            .id("off"),
    ])
}

fn told(draft: RuleDraft, what: &str) -> Rule {
    draft.emit::<Told>(json!({"what": what}))
}

pub fn tables(backend: DbBackend) -> Vec<String> {
    let (serial, text, json) = match backend {
        DbBackend::Postgres => ("serial PRIMARY KEY", "text", "jsonb"),
        DbBackend::MySql => ("integer AUTO_INCREMENT PRIMARY KEY", "varchar(100)", "json"),
        _ => ("integer PRIMARY KEY AUTOINCREMENT", "text", "text"),
    };
    let rules = format!("on_change_rules {json} NOT NULL DEFAULT '[]'");
    vec![
        format!(
            "CREATE TABLE people (id {serial}, name {text} NOT NULL, boss_id integer REFERENCES people (id), {rules})"
        ),
        format!(
            "CREATE TABLE badges (id {serial}, person_id integer NOT NULL UNIQUE REFERENCES people (id),
             color {text} NOT NULL, {rules})"
        ),
        format!(
            "CREATE TABLE desks (id {serial}, person_id integer REFERENCES people (id), place {text} NOT NULL, {rules})"
        ),
        format!(
            "CREATE TABLE friendships (person_id integer NOT NULL REFERENCES people (id),
             friend_id integer NOT NULL REFERENCES people (id), state {text} NOT NULL DEFAULT 'new', {rules},
             PRIMARY KEY (person_id, friend_id))"
        ),
    ]
}
