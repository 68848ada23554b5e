//! Tables that do not fit, keys of several columns, columns under other names, transactions that the database refuses.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "bad_input/models.rs"]
mod models;
#[path = "bad_input/serialization.rs"]
mod serialization;
mod support;

use celerysalt::rules::Rule;
use celerysalt_sea_orm::{
    CheckError, FollowDelete, FollowMany, FollowSave, Rules, TableProblem, check_tables, recover,
};
use models::{BookingMade, account, booking};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel, ModelTrait, TransactionTrait,
};
use serde_json::json;
use support::{TestDb, count, order, outbox, topics};

on_each! {
    async fn tables_that_fit_pass_the_check(test: &TestDb) {
        check_tables::<order::Entity>(&test.db).await.unwrap();
        check_tables::<(order::Entity, support::ticket::Entity)>(&test.db).await.unwrap();
        let own = test.db.begin().await.unwrap();
        check_tables::<order::Entity>(&own).await.unwrap();
    }

    async fn each_problem_of_a_table_is_named_with_its_remedy(test: &TestDb) {
        assert_eq!(problems(test).await, [TableProblem::NoTable { table: "accounts".to_owned() }]);
        let json = support::json_type(&test.db);

        create_accounts(test, "id integer PRIMARY KEY").await;
        let found = problems(test).await;
        let missing = TableProblem::NoColumn { table: "accounts".to_owned(), column: "balance" };
        let rules = TableProblem::NoRules { table: "accounts".to_owned(), column: "rules_of_row", needed: json };
        assert_eq!(found, [missing, rules.clone()]);
        let remedy = rules.to_string();
        let remedy = remedy.split('`').find(|part| part.starts_with("ALTER TABLE")).unwrap();
        // MySQL 8 takes no literal for a default of `json` (1101); MariaDB takes both.
        assert_eq!(remedy.ends_with("DEFAULT ('[]')"), support::is_mysql(&test.db), "{remedy}");

        // The remedy is one.
        create_accounts(test, "id integer PRIMARY KEY, balance integer NOT NULL").await;
        test.db.execute_unprepared(remedy).await.unwrap();
        check_tables::<account::Entity>(&test.db).await.unwrap();

        // A column that the database computes is there, too.
        create_accounts(test, &format!("id integer PRIMARY KEY, balance integer GENERATED ALWAYS AS (id * 2) STORED, rules_of_row {json} NOT NULL")).await;
        check_tables::<account::Entity>(&test.db).await.unwrap();

        create_accounts(test, "id integer PRIMARY KEY, balance integer NOT NULL, rules_of_row integer").await;
        let integer = if support::is_mysql(&test.db) { "int(11)" } else { "integer" };
        let wrong = TableProblem::WrongType { table: "accounts".to_owned(), column: "rules_of_row", found: integer.to_owned(), needed: json };
        let null = TableProblem::Nullable { table: "accounts".to_owned(), column: "rules_of_row" };
        assert_eq!(problems(test).await, [wrong, null]);

        if support::is_mysql(&test.db) {
            create_accounts(test, "id integer PRIMARY KEY, balance integer NOT NULL, rules_of_row text NOT NULL").await;
            let short = TableProblem::WrongType { table: "accounts".to_owned(), column: "rules_of_row", found: "text".to_owned(), needed: json };
            assert_eq!(problems(test).await, [short]);
        }

        celerysalt_migrations::sea_orm::down(&test.db).await.unwrap();
        let error = check_tables::<order::Entity>(&test.db).await.unwrap_err().to_string();
        assert!(error.contains("`celerysalt_outbox`") && error.contains("migrations"), "{error}");
    }

    async fn a_rules_column_that_is_null_in_the_table_is_an_empty_one(test: &TestDb) {
        let json = support::json_type(&test.db);
        create_accounts(test, &format!("id integer PRIMARY KEY, balance integer NOT NULL, rules_of_row {json}")).await;
        assert_eq!(problems(test).await, [TableProblem::Nullable { table: "accounts".to_owned(), column: "rules_of_row" }]);
        test.db.execute_unprepared("INSERT INTO accounts VALUES (1, 10, NULL), (2, 20, NULL)").await.unwrap();
        let rich = || Rule::when(account::Model::BALANCE).gte(100).emit::<models::AccountRich>(json!({"balance": "{{ balance }}"}));
        for id in [1, 2] {
            let account = account::Entity::find_by_id(id).one(&test.db).await.unwrap().unwrap();
            assert!(account.rules.is_empty());
            let mut account = account.into_active_model();
            account.balance = Set(50);
            account.rules = Set(Rules::from(vec![rich()]));
            let account = if id == 1 { account.update(&test.db).await } else { account.update_and_follow(&test.db).await };
            assert_eq!(account.unwrap().rules.len(), 1);
        }
        let done = account::Entity::follow_update_many().col_expr(account::Column::Balance, Expr::value(100)).exec(&test.db).await.unwrap();
        assert_eq!((done.rows_affected, done.events), (2, 2));
    }

    async fn a_table_without_rules_column_fails_every_save_by_its_name_and_changes_nothing(test: &TestDb) {
        create_accounts(test, "id integer PRIMARY KEY, balance integer NOT NULL").await;
        test.db.execute_unprepared("INSERT INTO accounts VALUES (1, 10)").await.unwrap();
        let save = || account::ActiveModel { id: Set(1), balance: Set(11), rules: NotSet };
        let pool = save().update(&test.db).await.unwrap_err();
        let own = save().update_and_follow(&test.db).await.unwrap_err();
        let bulk = account::Entity::follow_update_many().set(account::ActiveModel { balance: Set(11), ..Default::default() });
        let bulk = bulk.exec(&test.db).await.unwrap_err();
        for error in [pool, own, bulk] {
            let error = error.to_string();
            assert!(error.contains("accounts.rules_of_row"), "{error}");
        }
        let balance = "SELECT balance AS n FROM accounts";
        let balance = test.db.query_one_raw(sea_orm::Statement::from_string(test.db.get_database_backend(), balance)).await.unwrap().unwrap();
        assert_eq!(balance.try_get::<i32>("", "n").unwrap(), 10);
    }

    async fn a_composite_key_and_renamed_columns_fire_on_every_way_to_save(test: &TestDb) {
        check_tables::<booking::Entity>(&test.db).await.unwrap_err();
        create_bookings(test).await;
        check_tables::<booking::Entity>(&test.db).await.unwrap();
        let made = || Rule::when(booking::Model::STATUS).eql("made").emit::<BookingMade>(json!({"room": "{{ room }}", "day": "{{ day }}"}));
        for (n, plain) in [true, false].into_iter().enumerate() {
            let before = outbox(&test.db).await.len();
            let day = i32::try_from(n).unwrap();
            let new = booking::ActiveModel { room: Set("a,b".to_owned()), day: Set(day), status: Set("asked".to_owned()), reactions: Set(Rules::from(vec![made()])) };
            let row = if plain { new.insert(&test.db).await } else { new.insert_and_follow(&test.db).await };
            let mut change = row.unwrap().into_active_model();
            change.status = Set("made".to_owned());
            let row = if plain { change.update(&test.db).await } else { change.update_and_follow(&test.db).await };
            let row = row.unwrap();
            assert!(row.reactions.is_empty());
            let fired = outbox(&test.db).await.split_off(before);
            assert_eq!(fired.len(), 1, "{plain}");
            assert_eq!(fired[0].payload, json!({"room": "a,b", "day": day}));
            assert_eq!(fired[0].aggregate, Some(format!(r"bookings:a\,b,{day}")));
            // The other rows of the room are not touched.
            assert_eq!(count(&test.db, "bookings WHERE state = 'made'").await, day as i64 + 1);
            let deleted = if plain { row.clone().delete(&test.db).await } else { row.clone().delete_and_follow(&test.db).await };
            assert_eq!(deleted.unwrap().rows_affected, 1);
            booking::Entity::insert(row.into_active_model()).exec_without_returning(&test.db).await.unwrap();
        }
        assert_eq!(recover(&test.db).await.unwrap().left, 0);
        assert_eq!(topics(&test.db).await, ["booking.made", "booking.made"]);
    }
}

async fn problems(test: &TestDb) -> Vec<TableProblem> {
    match check_tables::<account::Entity>(&test.db).await {
        Err(CheckError::Unfit { models, problems }) => {
            assert_eq!(models, ["account"]);
            problems
        }
        other => panic!("{other:?}"),
    }
}

async fn create_accounts(test: &TestDb, columns: &str) {
    let drop = "DROP TABLE IF EXISTS accounts";
    test.db.execute_unprepared(drop).await.unwrap();
    let create = format!("CREATE TABLE accounts ({columns})");
    test.db.execute_unprepared(&create).await.unwrap();
}

async fn create_bookings(test: &TestDb) {
    let json = support::json_type(&test.db);
    let create = format!(
        "CREATE TABLE bookings (room varchar(20) NOT NULL, day integer NOT NULL, state varchar(20) NOT NULL,
         on_change {json} NOT NULL DEFAULT '[]', PRIMARY KEY (room, day))"
    );
    test.db.execute_unprepared(&create).await.unwrap();
}
