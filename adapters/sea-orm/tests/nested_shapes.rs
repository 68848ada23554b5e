//! Nested saves of SeaORM's dense format in its other shapes: one that belongs to another, rows that may be nobody's, rows of
//! the same table, links between them. And such saves that meet, or are cut off.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic)]

#[path = "nested/people.rs"]
mod people;
mod support;

use std::task::Poll;

use celerysalt_sea_orm::FollowSave;
use people::{badge, desk, friendship, person};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveHasMany, ConnectionTrait, EntityTrait, Statement, TransactionTrait};
use support::{TestDb, count, is_sqlite, outbox};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

on_each! {
    async fn one_that_belongs_to_another_is_replaced_and_taken_away(test: &TestDb) {
        tables(test).await;
        let mut ada = person("ada").set_badge(badge("red")).save(&test.db).await.unwrap();
        assert_eq!(told(test, 0).await, ["ada", "red badge"]);
        // Its own change is no replacement.
        ada.badge.as_mut().unwrap().color = Set("green".to_owned());
        let ada = ada.save(&test.db).await.unwrap();
        assert_eq!(told(test, 2).await, ["green badge"]);
        let ada = ada.set_badge(badge("blue")).save(&test.db).await.unwrap();
        assert_eq!(told(test, 3).await, ["no green badge", "blue badge"]);
        ada.clear_badge().save(&test.db).await.unwrap();
        assert_eq!(told(test, 5).await, ["no blue badge"]);
        assert_eq!(count(&test.db, "badges").await, 0);
    }

    async fn rows_that_may_be_nobodys_are_let_go_and_not_deleted(test: &TestDb) {
        tables(test).await;
        let mut ada = person("ada").add_desk(desk("window")).add_desk(desk("door")).save(&test.db).await.unwrap();
        assert_eq!(told(test, 0).await, ["ada"]);
        let mut desks = std::mem::take(&mut ada.desks).into_vec();
        let door = desks.pop().unwrap();
        ada.desks = ActiveHasMany::Replace(desks);
        let ada = ada.save(&test.db).await.unwrap();
        assert_eq!(told(test, 1).await, ["door free"]);
        person("bob").add_desk(door).save(&test.db).await.unwrap();
        assert_eq!(told(test, 2).await, ["bob", "door taken"]);
        ada.delete(&test.db).await.unwrap();
        assert_eq!(told(test, 4).await, ["window free"]);
        assert_eq!((count(&test.db, "people").await, count(&test.db, "desks").await), (1, 2));
    }

    async fn rows_of_the_same_table_are_led_and_let_go(test: &TestDb) {
        tables(test).await;
        let bob = person("bob").save(&test.db).await.unwrap();
        let mut ada = person("ada").save(&test.db).await.unwrap();
        ada.staff = ActiveHasMany::Append(vec![bob, person("eve")]);
        let mut ada = ada.save(&test.db).await.unwrap();
        assert_eq!(told(test, 0).await, ["bob", "ada", "bob led", "eve"]);
        let mut staff = std::mem::take(&mut ada.staff).into_vec();
        staff.retain(|person| person.name.as_ref() == "eve");
        staff[0].name = Set("eva".to_owned());
        ada.staff = ActiveHasMany::Replace(staff);
        let ada = ada.save(&test.db).await.unwrap();
        assert_eq!(told(test, 4).await, ["bob free", "eva"]);
        ada.delete(&test.db).await.unwrap();
        assert_eq!(told(test, 6).await, ["eva free"]);
    }

    async fn links_within_a_table_are_made_and_taken_away_from_either_side(test: &TestDb) {
        tables(test).await;
        let mut ada = person("ada").add_friend(person("bob")).save(&test.db).await.unwrap();
        assert_eq!(told(test, 0).await, ["ada", "bob", "new friend"]);
        // The same again is nothing new.
        let friends = std::mem::take(&mut ada.friends).into_vec();
        let bob = friends[0].clone();
        ada.friends = ActiveHasMany::Replace(friends);
        let mut ada = ada.save(&test.db).await.unwrap();
        assert_eq!(told(test, 3).await, Vec::<String>::new());
        ada.friends = ActiveHasMany::Replace(vec![]);
        let ada = ada.save(&test.db).await.unwrap();
        assert_eq!(told(test, 3).await, ["no new friend"]);
        let mut bob = bob;
        bob.befriended = ActiveHasMany::Append(vec![ada]);
        let mut bob = bob.save(&test.db).await.unwrap();
        assert_eq!(told(test, 4).await, ["new friend"]);
        bob.befriended = ActiveHasMany::Replace(vec![]);
        bob.save(&test.db).await.unwrap();
        assert_eq!(told(test, 5).await, ["no new friend"]);
    }

    async fn a_link_that_goes_is_told_as_it_was_locked(test: &TestDb) {
        if is_sqlite(&test.db) {
            return; // There what a transaction has read cannot change before it writes.
        }
        tables(test).await;
        let mut ada = person("ada").add_friend(person("bob")).save(&test.db).await.unwrap();
        let own = test.db.begin().await.unwrap();
        assert_eq!(friendship::Entity::find().one(&own).await.unwrap().unwrap().state, "new");
        let old = friendship::ActiveModel {
            person_id: Unchanged(1),
            friend_id: Unchanged(2),
            state: Set("old".to_owned()),
            ..Default::default()
        };
        old.update_and_follow(&test.db).await.unwrap();
        ada.friends = ActiveHasMany::Replace(vec![]);
        ada.save(&own).await.unwrap();
        own.commit().await.unwrap();
        assert_eq!(told(test, 3).await, ["no old friend"]);
        assert_eq!(count(&test.db, "celerysalt_pending").await, 0);
    }

    async fn of_nested_saves_that_meet_one_fires_a_change(test: &TestDb) {
        tables(test).await;
        let mut ada = person("ada").set_badge(badge("red")).save(&test.db).await.unwrap();
        ada.name = Set("ava".to_owned());
        ada.badge.as_mut().unwrap().color = Set("green".to_owned());
        let mut savers = JoinSet::new();
        for _ in 0..8 {
            let (db, tree) = (test.db.clone(), ada.clone());
            savers.spawn(async move { tree.save(&db).await.map(drop) });
        }
        for saved in savers.join_all().await {
            saved.unwrap();
        }
        assert_eq!(told(test, 2).await, ["ava", "green badge"]);
    }

    async fn a_nested_save_that_is_cut_off_is_there_as_a_whole_or_not_at_all(test: &TestDb) {
        tables(test).await;
        for polls in (1..).step_by(3) {
            let ended = tokio::task::block_in_place(|| cut(test, polls));
            // In one statement: what was cut off in its COMMIT may be there only now.
            let counts = "SELECT (SELECT count(*) FROM people) AS people, (SELECT count(*) FROM badges) AS trees,
                (SELECT count(*) FROM friendships) AS friends, (SELECT count(*) FROM celerysalt_outbox) AS events";
            let counts = Statement::from_string(test.db.get_database_backend(), counts);
            let counts = test.db.query_one_raw(counts).await.unwrap().unwrap();
            let count = |name: &str| counts.try_get::<i64>("", name).unwrap();
            let trees = count("trees");
            let whole = (3 * trees, trees, 5 * trees);
            assert_eq!((count("people"), count("friends"), count("events")), whole, "{polls}");
            if ended {
                assert!(trees > 0);
                break;
            }
        }
    }
}

/// Drops a save after so many polls; whether it had ended. Its connections end with a runtime of its own, as with a
/// process: one that was left in the middle of an answer may not be fit for use.
fn cut(test: &TestDb, polls: usize) -> bool {
    let cut = || {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let db = test.another().await;
            assert!(count(&db, "people").await >= 0);
            let mut tree = person("ada")
                .set_badge(badge("red"))
                .add_friend(person("bob"));
            tree.staff = ActiveHasMany::Append(vec![person("eve")]);
            let mut save = Box::pin(tree.save(&db));
            let mut left = polls;
            std::future::poll_fn(|cx| {
                left -= 1;
                match save.as_mut().poll(cx) {
                    Poll::Ready(saved) => Poll::Ready(saved.map(|_| true).unwrap()),
                    Poll::Pending if left == 0 => Poll::Ready(false),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await
        })
    };
    std::thread::scope(|scope| scope.spawn(cut).join().unwrap())
}

fn person(name: &str) -> person::ActiveModelEx {
    person::ActiveModel::builder().set_name(name)
}

fn badge(color: &str) -> badge::ActiveModelEx {
    badge::ActiveModel::builder().set_color(color)
}

fn desk(place: &str) -> desk::ActiveModelEx {
    desk::ActiveModel::builder().set_place(place)
}

async fn tables(test: &TestDb) {
    for sql in people::tables(test.db.get_database_backend()) {
        test.db.execute_unprepared(&sql).await.unwrap();
    }
}

/// What the outbox tells after so many events.
async fn told(test: &TestDb, after: usize) -> Vec<String> {
    let events = outbox(&test.db).await.split_off(after);
    let what = |event: &support::Fired| event.payload["what"].as_str().unwrap().to_owned();
    events.iter().map(what).collect()
}
