//! Keys of several columns, and of other types than integers.

use celerysalt::model::Operation;
use celerysalt::rules::Rule;
use celerysalt::{actor, event};
use celerysalt_sea_orm::{FollowMany, FollowSave, Rules};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, TransactionTrait,
};
use serde_json::json;

use crate::on_each;
use crate::support::{self, count, outbox};

/// A seat in a hall, named by both.
mod seat {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "seats")]
    #[follow(name = "seat", history("taken"))]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) hall: String,
        #[sea_orm(primary_key, auto_increment = false, column_name = "no")]
        pub(super) number: i64,
        pub(super) taken: bool,
        pub(super) on_change_rules: Rules,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}
}

/// Something that happens at a time, which is its key.
mod moment {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "moments")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) at: DateTime,
        pub(super) taken: bool,
        pub(super) on_change_rules: Rules,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}
}

/// A part of a day in a hall.
mod shift {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "shifts")]
    #[follow(name = "shift")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) hall: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) day: Date,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) part: String,
        pub(super) on_change_rules: Rules,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}
}

use moment::Entity as Moment;
use seat::Entity as Seat;

/// A seat was taken.
#[event("seat.taken")]
struct SeatTaken {
    /// Where.
    hall: String,
}

/// A seat is no more.
#[event("seat.gone")]
struct SeatGone {
    /// Where.
    hall: String,
}

on_each! {
    async fn rows_of_a_composite_key_are_each_visited_once(test: &TestDb) {
        let seats = stored_seats(test).await;
        for size in [1, 2, 3, 100] {
            let before = outbox(&test.db).await.len();
            for taken in [true, false] {
                let update = Seat::follow_update_many()
                    .col_expr(seat::Column::Taken, Expr::value(taken))
                    .filter(seat::Column::Number.gt(0))
                    .chunk_size(size);
                let done = update.exec(&test.db).await.unwrap();
                assert_eq!((done.rows_affected, done.events), (seats.len() as u64, if taken { seats.len() as u64 } else { 0 }));
            }
            let fired = outbox(&test.db).await.split_off(before);
            let fired: Vec<_> = fired.iter().map(|event| event.aggregate.clone().unwrap()).collect();
            let expected: Vec<_> = seats.iter().map(|seat| format!("seat:{},{}", seat.hall.replace(',', r"\,"), seat.number)).collect();
            assert_eq!(fired, expected, "{size}");
        }
    }

    async fn no_two_keys_have_one_name(test: &TestDb) {
        let (varchar, json) = ("varchar(50) NOT NULL", support::json_type(&test.db));
        let create = format!("CREATE TABLE shifts (hall {varchar}, day date NOT NULL, part {varchar},
            on_change_rules {json} NOT NULL DEFAULT '[]', PRIMARY KEY (hall, day, part))");
        test.db.execute_unprepared(&create).await.unwrap();
        for (hall, part) in [("a,2026-01-31,b", "c"), ("a", "b,2026-01-31,c"), (r"a\", "b")] {
            let day = "2026-01-31".parse().unwrap();
            let made = Rule::when(shift::Model::HALL).not_null().emit::<SeatGone>(json!({"hall": "{{ hall }}"}));
            let rules = Rules::from(vec![made.on([Operation::Insert])]);
            let shift = shift::ActiveModel { hall: Set(hall.into()), day: Set(day), part: Set(part.into()), on_change_rules: Set(rules) };
            shift.insert_and_follow(&test.db).await.unwrap();
        }
        let named: Vec<_> = outbox(&test.db).await.into_iter().map(|event| event.aggregate.unwrap()).collect();
        assert_eq!(named, [r"shift:a\,2026-01-31\,b,2026-01-31,c", r"shift:a,2026-01-31,b\,2026-01-31\,c", r"shift:a\\,2026-01-31,b"]);
    }

    async fn each_row_of_a_composite_key_keeps_its_own_rules(test: &TestDb) {
        let seats = stored_seats(test).await;
        let mut with_once = seats.clone();
        for seat in &mut with_once {
            seat.on_change_rules.push(taken().id(format!("once {} {}", seat.hall, seat.number)));
            let rules = seat::ActiveModel {
                hall: Set(seat.hall.clone()),
                number: Set(seat.number),
                on_change_rules: Set(seat.on_change_rules.clone()),
                ..Default::default()
            };
            Seat::update(rules).exec(&test.db).await.unwrap();
        }
        let done = Seat::follow_update_many().col_expr(seat::Column::Taken, Expr::value(true)).chunk_size(4).exec(&test.db).await.unwrap();
        assert_eq!(done.events, 2 * seats.len() as u64);
        let left = stored(test).await;
        assert_eq!(left.len(), seats.len());
        for (before, after) in std::iter::zip(&seats, &left) {
            assert_eq!(before.on_change_rules, after.on_change_rules);
        }
    }

    async fn the_history_of_many_rows_is_kept_with_them(test: &TestDb) {
        let seats = stored_seats(test).await.len() as i64;
        let take = |taken| Seat::follow_update_many().col_expr(seat::Column::Taken, Expr::value(taken)).chunk_size(3);
        let own = test.db.begin().await.unwrap();
        take(true).exec(&own).await.unwrap();
        assert_eq!(count(&own, "celerysalt_transitions").await, seats);
        own.rollback().await.unwrap();
        assert_eq!(count(&test.db, "celerysalt_transitions").await, 0);

        actor::scope("user:ada", take(true).exec(&test.db)).await.unwrap();
        let fired = "celerysalt_transitions WHERE actor = 'user:ada' AND field = 'taken' AND event_id IS NOT NULL";
        assert_eq!(count(&test.db, fired).await, seats);
        take(false).exec(&test.db).await.unwrap();
        let quiet = "celerysalt_transitions WHERE actor IS NULL AND rule_id IS NULL AND operation = 'update'";
        assert_eq!(count(&test.db, quiet).await, seats);
        Seat::follow_delete_many().exec(&test.db).await.unwrap();
        let ends = "celerysalt_transitions WHERE field = 'taken' AND operation = 'delete'";
        assert_eq!(count(&test.db, ends).await, seats);
    }

    async fn rows_of_a_composite_key_are_deleted(test: &TestDb) {
        let seats = stored_seats(test).await;
        let done = Seat::follow_delete_many().filter(seat::Column::Hall.ne("b")).chunk_size(2).exec(&test.db).await.unwrap();
        let (gone, left): (Vec<_>, Vec<_>) = seats.into_iter().partition(|seat| seat.hall != "b");
        assert_eq!((done.rows_affected, done.events), (gone.len() as u64, gone.len() as u64));
        assert_eq!(stored(test).await, left);
    }
}

/// SQLite takes any text for a date and time: what another program wrote in its own form is not what SeaORM writes.
#[tokio::test]
async fn a_key_in_a_foreign_form_stops_the_save_and_fires_nothing() {
    let test = support::TestDb::sqlite().await;
    let create = "CREATE TABLE moments (at datetime PRIMARY KEY, taken boolean NOT NULL, on_change_rules text NOT NULL DEFAULT '[]')";
    test.db.execute_unprepared(create).await.unwrap();
    let rules = Rules::from(vec![
        Rule::when(moment::Model::TAKEN)
            .not_null()
            .emit::<SeatGone>(json!({"hall": "a"}))
            .on([Operation::Update, Operation::Delete]),
    ]);
    let rules = rules.to_json();
    for day in 1..4 {
        let insert =
            format!("INSERT INTO moments VALUES ('2024-01-0{day}T00:00:00', false, '{rules}')");
        test.db.execute_unprepared(&insert).await.unwrap();
    }
    for rules in [rules.as_str(), "[]"] {
        let set = format!("UPDATE moments SET on_change_rules = '{rules}'");
        test.db.execute_unprepared(&set).await.unwrap();
        for size in [1, 100] {
            let update =
                Moment::follow_update_many().col_expr(moment::Column::Taken, Expr::value(true));
            let error = update.chunk_size(size).exec(&test.db).await.unwrap_err();
            assert_eq!(error, DbErr::RecordNotUpdated);
        }
        let stays = Moment::follow_delete_many().exec(&test.db).await.unwrap();
        assert_eq!((stays.rows_affected, stays.events), (0, 0));
        let circle = Moment::follow_delete_many()
            .chunk_size(1)
            .exec(&test.db)
            .await
            .unwrap_err();
        assert!(circle.to_string().contains("met a row again"), "{circle}");
    }
    assert_eq!(outbox(&test.db).await.len(), 0);
    test.end().await;
}

fn taken() -> Rule {
    Rule::when(seat::Model::TAKEN)
        .eql(true)
        .emit::<SeatTaken>(json!({"hall": "{{ hall }}"}))
}

/// Seats whose order by both columns is not that of either.
async fn stored_seats(test: &support::TestDb) -> Vec<seat::Model> {
    let json = support::json_type(&test.db);
    let text = match support::is_postgres(&test.db) {
        true => "text COLLATE \"C\"",
        false => "varchar(50)",
    };
    let sql = format!(
        "CREATE TABLE seats (hall {text} NOT NULL, no bigint NOT NULL, taken boolean NOT NULL,
         on_change_rules {json} NOT NULL DEFAULT '[]', PRIMARY KEY (hall, no))"
    );
    test.db.execute_unprepared(&sql).await.unwrap();
    let keys = [
        ("b", 1),
        ("a", 9),
        ("a", 2),
        ("c,1", 2),
        ("b", 10),
        ("c", 12),
        ("a,2", 7),
        ("b", 2),
    ];
    for (hall, number) in keys {
        let gone = Rule::when(seat::Model::HALL)
            .not_null()
            .emit::<SeatGone>(json!({"hall": "{{ hall }}"}))
            .on([Operation::Delete]);
        let rules = vec![
            taken().persistent().id(format!("taken {hall} {number}")),
            gone.id(format!("gone {hall} {number}")),
        ];
        let seat = seat::ActiveModel {
            hall: Set(hall.to_owned()),
            number: Set(number),
            taken: Set(false),
            on_change_rules: Set(Rules::from(rules)),
        };
        Seat::insert(seat)
            .exec_without_returning(&test.db)
            .await
            .unwrap();
    }
    stored(test).await
}

async fn stored(test: &support::TestDb) -> Vec<seat::Model> {
    let seats = Seat::find()
        .order_by_asc(seat::Column::Hall)
        .order_by_asc(seat::Column::Number);
    seats.all(&test.db).await.unwrap()
}
