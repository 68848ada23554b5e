//! Savers that wait for a row: they save in the moment in which they get it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use celerysalt::clock::{self, Clock};
use celerysalt::rules::Rule;
use celerysalt::testing::TestClock;
use celerysalt_sea_orm::FollowMany;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, QueryFilter, Statement, TransactionTrait,
};
use serde_json::json;

use super::kept::{self, Entity as Kept};
use super::{history, key, reload, stored};
use crate::on_each;
use crate::support::models::{OrderPaid, deleted};
use crate::support::{self, PATHS, Path, is_mysql, is_sqlite, outbox};

/// A save that finds the row locked by another.
#[derive(Debug, Clone, Copy)]
enum Second {
    Updates(Path),
    Deletes(Path),
    UpdatesMany,
    DeletesMany,
}

on_each! {
    async fn who_waits_for_a_row_saves_when_it_gets_it(test: &TestDb) {
        if is_sqlite(&test.db) {
            return; // Who waits for its write lock tells nobody.
        }
        let each = PATHS.into_iter().flat_map(|path| [Second::Updates(path), Second::Deletes(path)]);
        for second in each.chain([Second::UpdatesMany, Second::DeletesMany]) {
            let (before, events) = (history(&test.db).await.len(), outbox(&test.db).await.len());
            let clock = TestClock::new();
            let moved = Rule::when(kept::Model::REMARK).changed();
            let moved = moved.emit::<OrderPaid>(json!({"id": "{{ id }}", "amount": "{{ amount }}"}));
            let rules = [moved, deleted()].map(|rule| rule.expires_at(clock.now() + Duration::from_millis(500)));
            let id = stored(&test.db, &format!("{second:?}"), rules.into()).await;

            let first = test.db.begin().await.unwrap();
            let lock = format!("SELECT id FROM orders WHERE id = {id} FOR UPDATE");
            first.execute_unprepared(&lock).await.unwrap();
            let waits = tokio::spawn(clock::scope(Arc::new(clock.clone()), second.save(test.db.clone(), id)));
            until_one_waits(&test.db).await;
            // The row's rules expire meanwhile, and the first says what the row was before.
            clock.advance(Duration::from_secs(1));
            let saved = Path::Transaction.update_in(&first, remark(id, "first"));
            clock::scope(Arc::new(clock), saved).await.unwrap();
            first.commit().await.unwrap();
            waits.await.unwrap();

            let told: Vec<_> = history(&test.db).await.split_off(before);
            let told: Vec<_> = told.into_iter().map(|step| (step.old, step.new)).collect();
            let last = match second {
                Second::Updates(_) | Second::UpdatesMany => json!("second"),
                Second::Deletes(_) | Second::DeletesMany => json!(null),
            };
            assert_eq!(told, [(json!(null), json!("first")), (json!("first"), last)], "{second:?}");
            assert_eq!(outbox(&test.db).await.len(), events, "{second:?} fired what had expired");
        }
    }
}

impl Second {
    async fn save(self, db: DatabaseConnection, id: i32) {
        let only = kept::Column::Id.eq(id);
        match self {
            Self::Updates(path) => drop(path.update(&db, remark(id, "second")).await.unwrap()),
            Self::Deletes(path) => {
                let row = reload(&db, id).await;
                assert_eq!(path.delete(&db, row).await.unwrap(), 1);
            }
            Self::UpdatesMany => {
                let remark = (kept::Column::Remark, Expr::value("second"));
                let update = Kept::follow_update_many().col_expr(remark.0, remark.1);
                update.filter(only).exec(&db).await.map(drop).unwrap();
            }
            Self::DeletesMany => {
                let delete = Kept::follow_delete_many().filter(only);
                delete.exec(&db).await.map(drop).unwrap();
            }
        }
    }
}

fn remark(id: i32, remark: &str) -> kept::ActiveModel {
    kept::ActiveModel {
        remark: Set(Some(remark.to_owned())),
        ..key(id)
    }
}

/// Until somebody waits for a lock on the orders of this test.
async fn until_one_waits(db: &DatabaseConnection) {
    let sql = match is_mysql(db) {
        true => {
            "SELECT 1 FROM information_schema.innodb_trx
             JOIN information_schema.processlist ON id = trx_mysql_thread_id
             WHERE trx_state = 'LOCK WAIT' AND db = database() AND LEFT(info, 100) = LEFT(trx_query, 100)"
        }
        false => {
            "SELECT 1 FROM pg_locks waits JOIN pg_locks reads ON reads.pid = waits.pid
             WHERE NOT waits.granted AND reads.relation = 'orders'::regclass"
        }
    };
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let waiting = Statement::from_string(db.get_database_backend(), sql);
        if db.query_one_raw(waiting).await.unwrap().is_some() {
            return;
        }
        assert!(Instant::now() < until, "nobody waits for the row's lock");
        // MariaDB shows its locks out of a cache that is filled anew when nobody has read it for 100 ms; what is not
        // running any more has waited before.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}
