//! The table of rules: the conformance kit.

use std::sync::Arc;
use std::time::Duration;

use celerysalt::rule_table::conformance::Subject;
use celerysalt::rule_table::{RuleStore, RuleStoreError, RuleWrite, SharedRuleStore};
use celerysalt_sql::SqlRules;
use chrono::DateTime;
use serde_json::json;

use crate::databases;

macro_rules! kit {
    ($module:ident, $database:ty, $pool:ident, $store:path) => {
        mod $module {
            use super::*;

            struct Fresh($database);

            impl Subject for Fresh {
                async fn fresh() -> Self {
                    Self(<$database>::fresh().await)
                }

                async fn store(&self) -> SharedRuleStore {
                    let options = self.0.pool.connect_options().as_ref().clone();
                    let pool = sqlx::pool::PoolOptions::new().max_connections(4);
                    Arc::new($store(pool.connect_lazy_with(options)))
                }

                async fn close(self) {
                    self.0.close().await;
                }
            }

            celerysalt::rule_store_conformance!(Fresh);

            #[tokio::test]
            async fn what_a_hand_has_edited_is_told_as_it_stands() {
                let database = <$database>::fresh().await;
                let store = $store(database.pool.clone());
                let version = store.write(&put("a")).await.unwrap().unwrap();
                let digits = "0.1234567890123456789012345678901234567890";
                let edit = format!(r#"UPDATE celerysalt_rules SET document = '{{"value": {digits}}}'"#);
                databases::$module::run(&database.pool, edit).await;
                let listed = store.list(None).await.unwrap().rules.remove(0);
                assert_eq!(listed.document, Some(json!({"value": digits})));
                assert_eq!(listed.version, version.version);
                database.close().await;
            }

            #[tokio::test]
            async fn says_that_the_tables_are_missing() {
                let database = <$database>::empty().await;
                let store = $store(database.pool.clone());
                let results = [
                    store.write(&put("a")).await.map(drop),
                    store.list(None).await.map(drop),
                    store.revision().await.map(drop),
                ];
                for result in results {
                    assert!(matches!(result, Err(RuleStoreError::NotMigrated)), "{result:?}");
                }
                database.close().await;
            }
        }
    };
}

fn put(rule_id: &str) -> RuleWrite {
    RuleWrite {
        model: "order".to_owned(),
        rule_id: rule_id.to_owned(),
        document: Some(json!({"id": rule_id})),
        expected: None,
        actor: None,
        at: DateTime::from_timestamp(1_767_225_600, 123_456_789).unwrap(),
    }
}

kit!(mysql, databases::mysql::Mysql, MySqlPool, SqlRules::mysql);
kit!(
    postgres,
    databases::postgres::Postgres,
    PgPool,
    SqlRules::postgres
);
kit!(
    sqlite,
    databases::sqlite::Sqlite,
    SqlitePool,
    SqlRules::sqlite
);

/// What is asked twice a second would be seen too; here nobody asks.
#[tokio::test]
async fn postgres_tells_of_a_write() {
    let database = databases::postgres::Postgres::fresh().await;
    let (store, other) = (
        SqlRules::postgres(database.pool.clone()),
        SqlRules::postgres(database.pool.clone()),
    );
    let told = async {
        for revision in 0..3 {
            let written = async { other.write(&put("a")).await };
            let (told, written) = tokio::join!(store.changed(revision), written);
            told.unwrap();
            assert_eq!(written.unwrap().unwrap().revision, revision + 1);
        }
    };
    tokio::time::timeout(Duration::from_secs(60), told)
        .await
        .unwrap();
    database.close().await;
}

/// Text of the database's that is no JSON: PostgreSQL does not let it in.
#[tokio::test]
async fn a_document_that_is_no_json_is_told_as_text() {
    let (mysql, sqlite) = (
        databases::mysql::Mysql::fresh().await,
        databases::sqlite::Sqlite::fresh().await,
    );
    let stores: [SharedRuleStore; 2] = [
        Arc::new(SqlRules::mysql(mysql.pool.clone())),
        Arc::new(SqlRules::sqlite(sqlite.pool.clone())),
    ];
    for store in &stores {
        store.write(&put("a")).await.unwrap();
    }
    let edit = "UPDATE celerysalt_rules SET document = '{\"id\": '".to_owned();
    databases::mysql::run(&mysql.pool, edit.clone()).await;
    databases::sqlite::run(&sqlite.pool, edit).await;
    for store in &stores {
        let versions = store.versions("order", "a").await.unwrap();
        assert_eq!(versions[0].document, Some(json!("{\"id\": ")));
    }
    mysql.close().await;
    sqlite.close().await;
}
