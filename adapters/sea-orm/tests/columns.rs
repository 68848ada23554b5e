//! The rules column and the values of fields, as the databases hold them; models in every format.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use celerysalt::chain::{Chain, MAX_DEPTH};
use celerysalt::model::Operation;
use celerysalt::rules::Rule;
use celerysalt::value::FieldType;
use celerysalt_sea_orm::{Follow, FollowSave, Rules, check_code_rules};
use rust_decimal::Decimal;
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, ModelTrait,
    TransactionTrait,
};
use serde_json::json;
use support::models::{OrderPaid, created, paid};
use support::paths::{new_order, only_status, reload, stored_order, with_status};
use support::{PATHS, count, is_postgres, is_sqlite, order, outbox, stored_rules, ticket, topics};
use uuid::Uuid;

on_each! {
    async fn decimals_keep_their_digits(test: &TestDb) {
        // SeaORM reads decimals of SQLite through a double: 15 digits there.
        let amount = if is_sqlite(&test.db) { "1234567890.12345" } else { "12345678901234567.8901234567" };
        for path in PATHS {
            let before = outbox(&test.db).await.len();
            let order = stored_order(&test.db, &format!("{path:?}"), vec![paid()]).await;
            let mut active = with_status(&order, "paid");
            active.amount = Set(amount.parse::<Decimal>().unwrap());
            path.update(&test.db, active).await.unwrap();
            let fired = outbox(&test.db).await.split_off(before);
            assert_eq!(fired[0].payload["amount"], json!(amount), "{path:?}");
            let event: OrderPaid = serde_json::from_value(fired[0].payload.clone()).unwrap();
            assert_eq!(event.amount.to_string(), amount);

            // The same amount again changed nothing, whatever its scale.
            let rule = Rule::when(order::Model::AMOUNT).changed().emit::<OrderPaid>(json!({"id": "{{ id }}", "amount": "{{ amount }}"}));
            let mut again = reload(&test.db, order.id).await;
            again.on_change_rules.push(rule);
            let mut again = again.into_active_model();
            let mut wider: Decimal = amount.parse().unwrap();
            wider.rescale(wider.scale() + 1);
            again.amount = Set(wider);
            path.update(&test.db, again).await.unwrap();
            assert_eq!(outbox(&test.db).await.len(), before + 1, "{path:?}");
        }
    }

    async fn a_rule_in_another_key_order_or_with_wide_numbers_stays_as_it_is(test: &TestDb) {
        let order = stored_order(&test.db, "wide", vec![]).await;
        let text = r#"[{"value": 12345678901234567890.123, "operator": "gt", "field_name": "amount", "event_class": "order.paid", "event_data": {"id": "{{ id }}", "amount": "{{ amount }}"}, "id": "wide"}]"#;
        write_rules(&test.db, order.id, text).await;
        let stored = stored_rules(&test.db, order.id).await;
        let mut loaded = reload(&test.db, order.id).await;
        loaded.on_change_rules.push(paid());
        loaded.clone().into_active_model().update(&test.db).await.unwrap();
        let rules = reload(&test.db, order.id).await.on_change_rules;
        assert_eq!(rules.get("wide").unwrap().value.to_value().to_string().trim_matches('"'), "12345678901234567890.123");
        assert!(stored.contains("12345678901234567890.123"), "{stored}");
    }

    async fn broken_rules_stop_neither_the_save_nor_their_siblings(test: &TestDb) {
        for path in PATHS {
            let before = outbox(&test.db).await.len();
            let order = stored_order(&test.db, &format!("{path:?}"), vec![]).await;
            let good = serde_json::to_string(&paid()).unwrap();
            let text = format!(r#"[{{"operator": "frobs"}}, {good}, 17]"#);
            write_rules(&test.db, order.id, &text).await;
            path.update(&test.db, only_status(order.id, "paid")).await.unwrap();
            assert_eq!(outbox(&test.db).await.len(), before + 1, "{path:?}");
            let kept = reload(&test.db, order.id).await.on_change_rules;
            assert_eq!((kept.iter().count(), kept.broken().count()), (0, 2), "{path:?}");

            // They are not the caller's fault either.
            let mut loaded = reload(&test.db, order.id).await;
            loaded.on_change_rules.push(paid());
            let saved = path.update(&test.db, loaded.into_active_model().reset_all()).await.unwrap();
            assert_eq!(saved.on_change_rules.len(), 3, "{path:?}");
        }
    }

    async fn a_column_that_holds_no_rules_at_all_stays_as_it_is(test: &TestDb) {
        let mut texts = vec![r#"{"not": "a list"}"#, "17"];
        if is_sqlite(&test.db) {
            texts.push("[{\"half\": ");
        }
        for path in PATHS {
            for text in &texts {
                let order = stored_order(&test.db, &Uuid::now_v7().to_string(), vec![]).await;
                write_rules(&test.db, order.id, text).await;
                let loaded = reload(&test.db, order.id).await;
                assert_eq!(loaded.on_change_rules.broken().count(), 1);
                let saved = path.update(&test.db, with_status(&loaded, "paid")).await.unwrap();
                assert_eq!(saved.status, "paid");
                assert_eq!(stored_rules(&test.db, order.id).await, *text, "{path:?}");
            }
        }
        assert_eq!(outbox(&test.db).await.len(), 0);
    }

    async fn a_chain_that_is_too_deep_is_refused_before_anything_is_written(test: &TestDb) {
        let deep = || Chain { depth: MAX_DEPTH + 1, ..Chain::default() };
        for path in PATHS {
            let order = stored_order(&test.db, &format!("{path:?}"), vec![paid(), support::models::deleted()]).await;
            let update = path.update(&test.db, with_status(&order, "paid"));
            let refused = deep().scope(update).await.unwrap_err();
            assert!(matches!(&refused, DbErr::Custom(text) if text.contains("deepest")), "{refused}");
            let insert = path.insert(&test.db, new_order("never", vec![created()]));
            deep().scope(insert).await.unwrap_err();
            deep().scope(path.delete(&test.db, order.clone())).await.unwrap_err();
            assert_eq!(reload(&test.db, order.id).await, order, "{path:?}");
            // What fires nothing may go on.
            let other = deep().scope(path.update(&test.db, with_status(&order, "shipped"))).await;
            assert_eq!(other.unwrap().status, "shipped");
        }
        assert_eq!(outbox(&test.db).await.len(), 0);
        assert_eq!(count(&test.db, "orders").await, 5);
        assert_eq!(count(&test.db, "celerysalt_pending").await, 0);
    }

    async fn an_event_carries_its_chain_and_fires_once_a_row_in_it(test: &TestDb) {
        for path in PATHS {
            let before = outbox(&test.db).await.len();
            let order = stored_order(&test.db, &format!("{path:?}"), vec![paid().persistent()]).await;
            path.update(&test.db, with_status(&order, "paid")).await.unwrap();
            let fired = outbox(&test.db).await.split_off(before);
            assert_eq!(fired[0].meta["correlation_id"], json!(fired[0].id));
            let chain: Chain = serde_json::from_value(fired[0].meta.clone()).unwrap();
            let within = Chain { depth: 1, causation_id: Some(fired[0].id.parse().unwrap()), ..chain };
            path.update(&test.db, only_status(order.id, "new")).await.unwrap();
            within.scope(path.update(&test.db, only_status(order.id, "paid"))).await.unwrap();
            assert_eq!(outbox(&test.db).await.len(), before + 1, "{path:?}");
        }
    }

    async fn rules_in_code_follow_every_row_and_hooks_of_the_users_run(test: &TestDb) {
        check_code_rules::<ticket::Entity>().unwrap();
        let new = |state: &str| ticket::ActiveModel { key: Set(Uuid::now_v7()), state: Set(state.to_owned()), ..Default::default() };
        // Inserted as closed fires, on each way.
        let pool = new("closed").insert(&test.db).await.unwrap();
        let own = new("closed").insert_and_follow(&test.db).await.unwrap();
        let transaction = test.db.begin().await.unwrap();
        let inside = new("closed").insert(&transaction).await.unwrap();
        transaction.commit().await.unwrap();
        let fired = outbox(&test.db).await;
        let keys: Vec<_> = fired.iter().map(|event| event.payload["key"].clone()).collect();
        assert_eq!(keys, [json!(pool.key), json!(own.key), json!(inside.key)]);
        assert_eq!(fired[0].aggregate, Some(format!("tickets:{}", pool.key)));
        for ticket in [&pool, &own, &inside] {
            assert_eq!(ticket.saves, 1);
            assert!(ticket.rules.is_empty() && ticket.rules.note().is_none());
            let stored = ticket::Entity::find_by_id(ticket.key).one(&test.db).await.unwrap();
            assert_eq!(stored.as_ref(), Some(ticket));
        }
        // Open and closed again: the rule in code is never spent.
        for (n, ticket) in [pool, own, inside].into_iter().enumerate() {
            let mut active = ticket.into_active_model();
            active.state = Set("open".to_owned());
            let mut active = active.save(&test.db).await.unwrap();
            active.state = Set("closed".to_owned());
            let saved = active.update_and_follow(&test.db).await.unwrap();
            assert_eq!((saved.saves, outbox(&test.db).await.len()), (3, 4 + n));
        }
        assert_eq!(count(&test.db, "celerysalt_pending").await, 0);
    }

    async fn nested_saves_of_the_dense_format_fire(test: &TestDb) {
        let ticket = ticket::ActiveModelEx::new()
            .set_key(Uuid::now_v7())
            .set_state("closed")
            .add_line(support::line::ActiveModel::builder());
        let saved = ticket.insert(&test.db).await.unwrap();
        assert_eq!(topics(&test.db).await, ["ticket.closed"]);
        assert_eq!(count(&test.db, "ticket_lines").await, 1);
        let line = support::line::Entity::find().one(&test.db).await.unwrap().unwrap();
        assert_eq!(line.ticket_key, saved.key);
    }

    async fn a_database_without_our_tables_saves_rows_without_rules_on_a_pool(test: &TestDb) {
        let order = stored_order(&test.db, "untouched", vec![]).await;
        celerysalt_migrations::sea_orm::down(&test.db).await.unwrap();
        let saved = only_status(order.id, "paid").update(&test.db).await.unwrap();
        assert_eq!(saved.status, "paid");
        saved.delete(&test.db).await.unwrap();
        celerysalt_migrations::sea_orm::up(&test.db).await.unwrap();
    }
}

async fn write_rules<C: ConnectionTrait>(db: &C, order: i32, text: &str) {
    let cast = if is_postgres(db) { "::jsonb" } else { "" };
    let text = text.replace('\'', "''");
    let sql = format!("UPDATE orders SET on_change_rules = '{text}'{cast} WHERE id = {order}");
    db.execute_unprepared(&sql).await.unwrap();
}

#[test]
fn a_definition_names_rust_fields_and_their_types() {
    let def = order::Entity::followed().definition();
    let fields: Vec<_> = def
        .fields()
        .iter()
        .map(|f| (f.name.as_str(), f.ty.clone(), f.nullable))
        .collect();
    assert_eq!(
        fields,
        [
            ("id", FieldType::Int, false),
            ("number", FieldType::Text, false),
            ("status", FieldType::Text, false),
            ("amount", FieldType::Decimal, false),
            ("remark", FieldType::Text, true),
        ]
    );
    assert_eq!(def.name(), "order");
    assert_eq!(
        def.allowed_events().unwrap(),
        ["order.paid", "order.created", "order.deleted"]
    );
    assert_eq!(order::Model::STATUS.name(), "status");
    let code = ticket::Entity::followed().definition().rules();
    assert_eq!(
        code.iter().next().unwrap().on,
        [Operation::Insert, Operation::Update]
    );
}

#[test]
fn rules_of_a_model_travel_as_json() {
    let rules = Rules::from(vec![paid().id("a")]);
    let json = serde_json::to_value(&rules).unwrap();
    assert_eq!(json[0]["id"], "a");
    assert_eq!(serde_json::from_value::<Rules>(json).unwrap(), rules);
}
