//! `follow_update_many` and `follow_delete_many`, on both databases.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "bulk/concurrency.rs"]
mod concurrency;
#[path = "bulk/keys.rs"]
mod keys;
#[path = "bulk/same.rs"]
mod same;
mod support;

use celerysalt::chain::{Chain, MAX_DEPTH};
use celerysalt::rules::Rule;
use celerysalt_sea_orm::{FollowMany, Rules};
use rust_decimal::Decimal;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, DbErr,
    EntityTrait, QueryFilter, QueryOrder, TransactionTrait,
};
use serde_json::json;
use support::failing::Failing;
use support::models::{OrderPaid, deleted, paid};
use support::order::{self, Entity as Order};
use support::paths::{new_order, reload, stored_order, with_status};
use support::statements::{take, watched};
use support::{count, is_postgres, outbox, stored_rules, ticket, topics};
use uuid::Uuid;

on_each! {
    async fn every_row_fires_as_if_it_were_saved_alone(test: &TestDb) {
        let orders = stored_orders(&test.db, 7, &[paid(), deleted()]).await;
        let other = stored_order(&test.db, "other", vec![]).await;
        let done = Order::follow_update_many()
            .col_expr(order::Column::Status, Expr::value("paid"))
            .filter(order::Column::Id.lte(orders[5].id))
            .chunk_size(3)
            .exec(&test.db)
            .await
            .unwrap();
        assert_eq!((done.rows_affected, done.events), (6, 6));
        let fired = outbox(&test.db).await;
        let rows: Vec<_> = fired.iter().map(|event| event.aggregate.clone().unwrap()).collect();
        let expected: Vec<_> = orders[..6].iter().map(|order| format!("order:{}", order.id)).collect();
        assert_eq!(rows, expected);
        for (at, stored) in all(&test.db).await.iter().take(7).enumerate() {
            let left: Vec<_> = stored.on_change_rules.iter().map(|rule| rule.event_class.as_str()).collect();
            let expected = if at < 6 { &["order.deleted"][..] } else { &["order.paid", "order.deleted"] };
            assert_eq!((stored.status == "paid", left.as_slice()), (at < 6, expected));
        }

        let done = Order::follow_delete_many().filter(order::Column::Status.eq("paid")).chunk_size(4).exec(&test.db).await.unwrap();
        assert_eq!((done.rows_affected, done.events), (6, 6));
        assert_eq!(topics(&test.db).await[6..], ["order.deleted"; 6]);
        let left: Vec<_> = all(&test.db).await.iter().map(|order| order.id).collect();
        assert_eq!(left, [orders[6].id, other.id]);
    }

    async fn rules_see_what_the_database_made_of_an_expression(test: &TestDb) {
        let doubled = Rule::when(order::Model::AMOUNT).gt("40")
            .emit::<OrderPaid>(json!({"id": "{{ id }}", "amount": "{{ amount }}"}));
        for amount in [10, 20, 30, 100] {
            let mut new = new_order(&amount.to_string(), vec![doubled.clone()]);
            new.amount = Set(Decimal::from(amount));
            Order::insert(new).exec(&test.db).await.unwrap();
        }
        // Every row is visited once, though the update leads rows out of the filter and further into it.
        let done = Order::follow_update_many()
            .col_expr(order::Column::Amount, Expr::col(order::Column::Amount).mul(2))
            .filter(order::Column::Amount.lt(50))
            .chunk_size(1)
            .exec(&test.db)
            .await
            .unwrap();
        assert_eq!((done.rows_affected, done.events), (3, 1));
        let amounts: Vec<_> = all(&test.db).await.iter().map(|order| order.amount.normalize().to_string()).collect();
        assert_eq!(amounts, ["20", "40", "60", "100"]);
        let event: OrderPaid = serde_json::from_value(outbox(&test.db).await[0].payload.clone()).unwrap();
        assert_eq!(event.amount, Decimal::from(60));
    }

    async fn an_active_model_says_what_to_set(test: &TestDb) {
        stored_orders(&test.db, 3, &[paid()]).await;
        let values = order::ActiveModel { status: Set("paid".to_owned()), remark: Set(Some("in bulk".to_owned())), ..Default::default() };
        let done = Order::follow_update_many().set(values).exec(&test.db).await.unwrap();
        assert_eq!((done.rows_affected, done.events), (3, 3));
        assert!(all(&test.db).await.iter().all(|order| order.remark.as_deref() == Some("in bulk")));
    }

    async fn a_chunk_takes_few_statements_and_one_insert_for_its_events(test: &TestDb) {
        let (db, sent) = watched(test).await;
        stored_orders(&test.db, 5, &[paid(), paid(), paid().persistent()]).await;
        let paid = || Order::follow_update_many().col_expr(order::Column::Status, Expr::value("paid")).chunk_size(2);
        paid().exec(&db).await.unwrap();
        let chunk: &[&str] = if is_postgres(&db) {
            &["SELECT orders", "UPDATE orders", "UPDATE orders", "INSERT celerysalt_outbox"]
        } else {
            &["SELECT orders", "UPDATE orders", "SELECT orders", "UPDATE orders", "INSERT celerysalt_outbox"]
        };
        assert_eq!(take(&sent), chunk.repeat(3));
        // Where nothing fires and nothing is spent: rows to read and to write.
        paid().exec(&db).await.unwrap();
        let quiet: &[&str] = if is_postgres(&db) { &["SELECT orders", "UPDATE orders"] } else { &["SELECT orders", "UPDATE orders", "SELECT orders"] };
        assert_eq!(take(&sent), quiet.repeat(3));
        Order::follow_delete_many().chunk_size(3).exec(&db).await.unwrap();
        assert_eq!(take(&sent), ["SELECT orders", "DELETE orders"].repeat(2));
        // Rows without rules are not even looked at afterwards.
        stored_orders(&test.db, 3, &[]).await;
        paid().exec(&db).await.unwrap();
        assert_eq!(take(&sent), ["SELECT orders", "UPDATE orders"].repeat(2));
        assert_eq!(outbox(&db).await.len(), 15);
    }

    async fn more_events_than_one_statement_can_carry(test: &TestDb) {
        let rules: Vec<_> = std::iter::repeat_with(paid).take(9).collect();
        let orders: Vec<_> = (0..1_000).map(|n| new_order(&n.to_string(), rules.clone())).collect();
        for some in orders.chunks(250) {
            Order::insert_many(some.to_vec()).exec(&test.db).await.unwrap();
        }
        let (db, sent) = watched(test).await;
        let done = Order::follow_update_many().col_expr(order::Column::Status, Expr::value("paid")).chunk_size(1_000);
        assert_eq!(done.exec(&db).await.unwrap().events, 9_000);
        let inserts = take(&sent).iter().filter(|sql| *sql == "INSERT celerysalt_outbox").count();
        assert_eq!((inserts, count(&test.db, "celerysalt_outbox").await), (3, 9_000));
    }

    async fn an_error_in_a_late_chunk_takes_everything_back(test: &TestDb) {
        let orders = stored_orders(&test.db, 5, &[paid(), deleted()]).await;
        let last_is_null = Expr::case(Expr::col(order::Column::Id).eq(orders[4].id), Expr::value(None::<String>)).finally("paid");
        let failing = Order::follow_update_many().col_expr(order::Column::Status, last_is_null.into()).chunk_size(2);
        failing.exec(&test.db).await.unwrap_err();
        assert_eq!(all(&test.db).await, orders);
        assert_eq!(outbox(&test.db).await.len(), 0);

        test.db.execute_unprepared("CREATE TABLE kept (id integer REFERENCES orders (id))").await.unwrap();
        test.db.execute_unprepared(&format!("INSERT INTO kept VALUES ({})", orders[4].id)).await.unwrap();
        Order::follow_delete_many().chunk_size(2).exec(&test.db).await.unwrap_err();
        assert_eq!(all(&test.db).await, orders);
        assert_eq!(outbox(&test.db).await.len(), 0);
    }

    async fn a_rolled_back_caller_fires_nothing_and_a_caught_error_leaves_its_transaction(test: &TestDb) {
        let orders = stored_orders(&test.db, 3, &[paid(), deleted()]).await;
        let own = test.db.begin().await.unwrap();
        Order::follow_update_many().col_expr(order::Column::Status, Expr::value("paid")).exec(&own).await.unwrap();
        Order::follow_delete_many().filter(order::Column::Id.eq(orders[0].id)).exec(&own).await.unwrap();
        assert_eq!(topics(&own).await, ["order.paid", "order.paid", "order.paid", "order.deleted"]);
        own.rollback().await.unwrap();
        assert_eq!((all(&test.db).await, outbox(&test.db).await.len()), (orders.clone(), 0));

        let own = test.db.begin().await.unwrap();
        Order::follow_update_many().col_expr(order::Column::Status, Expr::value("paid"))
            .col_expr(order::Column::Number, Expr::value("all the same")).chunk_size(1).exec(&own).await.unwrap_err();
        Order::follow_delete_many().filter(order::Column::Id.eq(orders[0].id)).exec(&own).await.unwrap();
        own.commit().await.unwrap();
        assert_eq!((all(&test.db).await.as_slice(), topics(&test.db).await.as_slice()), (&orders[1..], &["order.deleted".to_owned()][..]));
    }

    async fn rules_in_code_follow_rows_that_have_none(test: &TestDb) {
        for state in ["open", "closed", "open"] {
            let new = ticket::ActiveModel { key: Set(Uuid::now_v7()), state: Set(state.to_owned()), saves: Set(0), ..Default::default() };
            ticket::Entity::insert(new).exec(&test.db).await.unwrap();
        }
        let done = ticket::Entity::follow_update_many().col_expr(ticket::Column::State, Expr::value("closed")).exec(&test.db).await.unwrap();
        assert_eq!((done.rows_affected, done.events), (3, 2));
    }

    async fn what_a_bulk_update_cannot_write_is_refused(test: &TestDb) {
        let orders = stored_orders(&test.db, 1, &[paid()]).await;
        let refused = |column, value| async move {
            let update = Order::follow_update_many().col_expr(order::Column::Status, Expr::value("paid")).col_expr(column, value);
            match update.exec(&test.db).await.unwrap_err() {
                DbErr::Custom(text) => text,
                other => panic!("{other}"),
            }
        };
        let key = refused(order::Column::Id, Expr::value(7)).await;
        assert!(key.contains("orders.id") && key.contains("primary key"), "{key}");
        let rules = refused(order::Column::OnChangeRules, Expr::value("[]")).await;
        assert!(rules.contains("orders.on_change_rules") && rules.contains("update_and_follow"), "{rules}");
        let set = order::ActiveModel { on_change_rules: Set(Rules::new()), ..Default::default() };
        Order::follow_update_many().set(set).exec(&test.db).await.unwrap_err();
        assert_eq!((all(&test.db).await, outbox(&test.db).await.len()), (orders, 0));

        let (db, sent) = watched(test).await;
        let nothing = Order::follow_update_many().set(order::ActiveModel { ..Default::default() }).exec(&db).await.unwrap();
        assert_eq!((nothing.rows_affected, take(&sent).len()), (0, 0));
    }

    async fn a_chain_that_is_too_deep_is_refused(test: &TestDb) {
        let orders = stored_orders(&test.db, 3, &[paid(), deleted()]).await;
        let deep = || Chain { depth: MAX_DEPTH + 1, ..Chain::default() };
        let paid = Order::follow_update_many().col_expr(order::Column::Status, Expr::value("paid")).chunk_size(1);
        let refused = deep().scope(paid.exec(&test.db)).await.unwrap_err();
        assert!(refused.to_string().contains("deepest"), "{refused}");
        deep().scope(Order::follow_delete_many().exec(&test.db)).await.unwrap_err();
        assert_eq!((all(&test.db).await, outbox(&test.db).await.len()), (orders, 0));
    }

    async fn a_row_that_a_trigger_keeps_fires_nothing(test: &TestDb) {
        let orders = stored_orders(&test.db, 3, &[paid(), deleted()]).await;
        if support::is_mysql(&test.db) {
            return; // A trigger of MySQL cannot keep a row without an error.
        }
        let kept = orders[1].id;
        let stay: &[String] = &if is_postgres(&test.db) {
            vec!["CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'".to_owned(),
              format!("CREATE TRIGGER stay BEFORE UPDATE OR DELETE ON orders FOR EACH ROW WHEN (OLD.id = {kept}) EXECUTE FUNCTION stay()")]
        } else {
            ["UPDATE", "DELETE"].map(|verb| format!("CREATE TRIGGER stay_{verb} BEFORE {verb} ON orders WHEN OLD.id = {kept} BEGIN SELECT RAISE(IGNORE); END")).to_vec()
        };
        for sql in stay {
            test.db.execute_unprepared(sql).await.unwrap();
        }
        let done = Order::follow_update_many().col_expr(order::Column::Status, Expr::value("paid")).exec(&test.db).await.unwrap();
        assert_eq!((done.rows_affected, done.events), (2, 2));
        let done = Order::follow_delete_many().exec(&test.db).await.unwrap();
        assert_eq!((done.rows_affected, done.events), (2, 2));
        assert_eq!(all(&test.db).await, orders[1..2]);
    }

    async fn a_row_that_a_trigger_changes_in_place_of_deleting_it_fires_nothing(test: &TestDb) {
        if support::is_mysql(&test.db) {
            return; // A trigger of MySQL cannot keep a row without an error.
        }
        let orders = stored_orders(&test.db, 3, &[deleted()]).await;
        let hide = "UPDATE orders SET remark = 'hidden' WHERE id = OLD.id";
        let hides: &[String] = &if is_postgres(&test.db) {
            vec![format!("CREATE FUNCTION hide() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {hide}; RETURN NULL; END$$"),
              "CREATE TRIGGER hide BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION hide()".to_owned()]
        } else {
            vec![format!("CREATE TRIGGER hide BEFORE DELETE ON orders BEGIN {hide}; SELECT RAISE(IGNORE); END")]
        };
        for sql in hides {
            test.db.execute_unprepared(sql).await.unwrap();
        }
        // A row that it hides does not fit the filter any more.
        let open = order::Column::Remark.is_null();
        let done = Order::follow_delete_many().filter(open).chunk_size(2).exec(&test.db).await.unwrap();
        assert_eq!((done.rows_affected, done.events), (0, 0));
        assert_eq!((all(&test.db).await.len(), outbox(&test.db).await.len()), (orders.len(), 0));
    }

    async fn what_triggers_make_of_a_row_counts(test: &TestDb) {
        stored_orders(&test.db, 3, &[paid()]).await;
        let pay: &[&str] = if support::is_mysql(&test.db) {
            &["CREATE TRIGGER pay BEFORE UPDATE ON orders FOR EACH ROW SET NEW.state = IF(NEW.remark <=> OLD.remark, NEW.state, 'paid')"]
        } else if is_postgres(&test.db) {
            &["CREATE FUNCTION pay() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.state := ''paid''; RETURN NEW; END'",
              "CREATE TRIGGER pay BEFORE UPDATE OF remark ON orders FOR EACH ROW EXECUTE FUNCTION pay()"]
        } else {
            &["CREATE TRIGGER pay AFTER UPDATE OF remark ON orders BEGIN UPDATE orders SET state = 'paid' WHERE id = NEW.id; END"]
        };
        for sql in pay {
            test.db.execute_unprepared(sql).await.unwrap();
        }
        let done = Order::follow_update_many().col_expr(order::Column::Remark, Expr::value("paid")).exec(&test.db).await.unwrap();
        assert_eq!((done.rows_affected, done.events), (3, 3));
    }

    async fn what_a_dead_saver_left_in_its_row_goes_to_the_outbox(test: &TestDb) {
        for steps in 1..20 {
            let before = outbox(&test.db).await.len();
            let order = stored_order(&test.db, &steps.to_string(), vec![paid()]).await;
            let dying = Failing::new(&test.db, steps, true);
            let _ = with_status(&order, "paid").update(&dying).await;
            let was_paid = reload(&test.db, order.id).await.status == "paid";
            let only = order::Column::Id.eq(order.id);
            if steps % 2 == 0 {
                Order::follow_update_many().col_expr(order::Column::Remark, Expr::value("next")).filter(only).exec(&test.db).await.unwrap();
                let rules = stored_rules(&test.db, order.id).await;
                assert!(!rules.contains("celerysalt"), "{steps}: {rules}");
            } else {
                Order::follow_delete_many().filter(only).exec(&test.db).await.unwrap();
            }
            assert_eq!(outbox(&test.db).await.len() - before, usize::from(was_paid), "{steps}");
        }
    }

    async fn a_filter_of_raw_sql_that_says_or_stands_alone_beside_the_keys(test: &TestDb) {
        stored_orders(&test.db, 3, &[paid()]).await;
        let ship = Order::follow_update_many().col_expr(order::Column::Status, Expr::value("shipped"));
        let raw = Expr::cust("state <> 'paid' OR state = 'shipped'");
        assert_eq!(ship.filter(raw).chunk_size(1).exec(&test.db).await.unwrap().rows_affected, 3);
    }

    async fn a_filter_may_look_at_other_tables(test: &TestDb) {
        let orders = stored_orders(&test.db, 4, &[paid()]).await;
        test.db.execute_unprepared("CREATE TABLE payments (order_id integer)").await.unwrap();
        test.db.execute_unprepared(&format!("INSERT INTO payments VALUES ({}), ({})", orders[0].id, orders[3].id)).await.unwrap();
        let mut arrived = sea_orm::sea_query::Query::select();
        arrived.column("order_id").from("payments");
        let arrived = Condition::all().add(order::Column::Id.in_subquery(arrived)).add(order::Column::Status.ne("paid"));
        let done = Order::follow_update_many().col_expr(order::Column::Status, Expr::value("paid")).filter(arrived).chunk_size(1).exec(&test.db).await.unwrap();
        assert_eq!((done.rows_affected, done.events), (2, 2));
    }
}

/// Orders with these rules, under ids of their own.
async fn stored_orders(db: &DatabaseConnection, rows: usize, rules: &[Rule]) -> Vec<order::Model> {
    let mut orders = Vec::new();
    for n in 0..rows {
        let own = rules.iter().cloned().enumerate();
        let own = own.map(|(at, rule)| rule.id(format!("{n}-{at}")));
        orders.push(stored_order(db, &n.to_string(), own.collect()).await);
    }
    orders
}

async fn all<C: ConnectionTrait>(db: &C) -> Vec<order::Model> {
    let orders = Order::find().order_by_asc(order::Column::Id).all(db).await;
    orders.unwrap()
}
