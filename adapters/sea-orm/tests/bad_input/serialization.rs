//! Transactions that PostgreSQL refuses to serialize: SeaORM's own error, nothing fired, and the retry fires once.

use celerysalt_sea_orm::{FollowMany, FollowSave};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr,
    IsolationLevel, QueryFilter, RuntimeErr, TransactionTrait,
};
use tokio::task::JoinSet;

use crate::support::models::paid;
use crate::support::order::{self, Entity as Order};
use crate::support::paths::{only_status, reload, stored_order};
use crate::support::{Path, TestDb, count, outbox};

const SERIALIZATION_FAILURE: &str = "40001";

/// The ways to save in a transaction of the caller's.
const WAYS: [&str; 4] = ["savepoint", "plain", "wrapped", "bulk"];

#[tokio::test]
async fn a_row_that_changed_since_the_snapshot_is_refused_and_fires_nothing() {
    let test = TestDb::postgres().await;
    for (level, way) in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable]
        .into_iter()
        .flat_map(|level| WAYS.map(|way| (level, way)))
    {
        let label = format!("{level} {way}");
        let before = outbox(&test.db).await.len();
        let order = stored_order(&test.db, &label, vec![paid()]).await;
        let own = snapshot(&test.db, level).await;
        only_status(order.id, "shipped")
            .update(&test.db)
            .await
            .unwrap();

        let refused = save(&own, way, order.id).await.unwrap_err();
        assert_eq!(
            code(&refused),
            Some(SERIALIZATION_FAILURE.to_owned()),
            "{label}: {refused}"
        );
        own.rollback().await.unwrap();
        assert_eq!(outbox(&test.db).await.len(), before, "{label}");
        assert_eq!(
            reload(&test.db, order.id).await.on_change_rules.len(),
            1,
            "{label}"
        );

        let again = snapshot(&test.db, level).await;
        save(&again, way, order.id).await.unwrap();
        again.commit().await.unwrap();
        assert_eq!(outbox(&test.db).await.len(), before + 1, "{label}");
    }
    assert_eq!(count(&test.db, "celerysalt_pending").await, 0);
    test.end().await;
}

#[tokio::test]
async fn a_commit_that_is_refused_fires_nothing() {
    let test = TestDb::postgres().await;
    for way in WAYS {
        let before = outbox(&test.db).await.len();
        let one = stored_order(&test.db, &format!("{way} one"), vec![paid()]).await;
        let other = stored_order(&test.db, &format!("{way} other"), vec![paid()]).await;
        // Each pays one order after it has seen that the other is not paid: only one may.
        let first = snapshot(&test.db, IsolationLevel::Serializable).await;
        let second = snapshot(&test.db, IsolationLevel::Serializable).await;
        reload(&first, other.id).await;
        reload(&second, one.id).await;
        save(&first, way, one.id).await.unwrap();
        let refused = match save(&second, way, other.id).await {
            Ok(()) => {
                first.commit().await.unwrap();
                second.commit().await.unwrap_err()
            }
            Err(error) => {
                first.commit().await.unwrap();
                error
            }
        };
        assert_eq!(
            code(&refused),
            Some(SERIALIZATION_FAILURE.to_owned()),
            "{way}: {refused}"
        );
        assert_eq!(outbox(&test.db).await.len(), before + 1, "{way}");
    }
    test.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn own_transactions_of_a_serializable_database_are_retried_until_one_fires() {
    let test = TestDb::postgres().await;
    let strict = test.serializable().await;
    for path in [Path::Own, Path::Savepoint, Path::Transaction, Path::Pool] {
        let before = outbox(&test.db).await.len();
        let order = stored_order(&test.db, &format!("{path:?}"), vec![paid().persistent()]).await;
        let mut savers = JoinSet::new();
        for _ in 0..8 {
            let (db, id) = (strict.clone(), order.id);
            savers.spawn(async move {
                loop {
                    match path.update(&db, only_status(id, "paid")).await {
                        Ok(_) => return,
                        Err(error) => {
                            let code = code(&error);
                            assert_eq!(
                                code.as_deref(),
                                Some(SERIALIZATION_FAILURE),
                                "{path:?}: {error}"
                            );
                        }
                    }
                }
            });
        }
        savers.join_all().await;
        assert_eq!(outbox(&test.db).await.len(), before + 1, "{path:?}");
    }
    strict.close().await.unwrap();
    test.end().await;
}

/// A transaction whose snapshot is taken.
async fn snapshot(db: &DatabaseConnection, level: IsolationLevel) -> DatabaseTransaction {
    let own = db.begin_with_config(Some(level), None).await.unwrap();
    own.execute_unprepared("SELECT 1 FROM orders LIMIT 1")
        .await
        .unwrap();
    own
}

async fn save(own: &DatabaseTransaction, way: &str, id: i32) -> Result<(), DbErr> {
    let model = only_status(id, "paid");
    match way {
        "savepoint" => model.update_and_follow(own).await.map(drop),
        "wrapped" => Path::Wrapped.update_in(own, model).await.map(drop),
        "bulk" => {
            let pay =
                Order::follow_update_many().col_expr(order::Column::Status, Expr::value("paid"));
            pay.filter(order::Column::Id.eq(id))
                .exec(own)
                .await
                .map(drop)
        }
        _ => model.update(own).await.map(drop),
    }
}

/// The database's code, as SeaORM hands it out.
fn code(error: &DbErr) -> Option<String> {
    let (DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause)) = error else {
        return None;
    };
    match cause {
        RuntimeErr::SqlxError(error) => error.as_database_error()?.code().map(Into::into),
        RuntimeErr::Internal(_) => None,
    }
}
