//! Snippets of docs/saves.md.

use celerysalt::prelude::*;
use celerysalt::outbox::SharedOutbox;
use chrono::Utc;
use rust_decimal::Decimal;
use sea_orm::{DatabaseConnection, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

type Error = Box<dyn std::error::Error>;

async fn sqlite(db: DatabaseConnection) -> Result<(), Error> {
    let immediate = TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() };
    let txn = db.begin_with_options(immediate).await?;
    Ok(())
}

mod plain {
    use celerysalt_plain::{FollowActions, Rules, Tracked};
    use sqlx::{PgPool, Postgres, Transaction};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Error {
        #[error(transparent)]
        Sqlx(#[from] sqlx::Error),
        #[error(transparent)]
        Outbox(#[from] celerysalt::outbox::OutboxError),
    }

    async fn all(row: &str, pool: PgPool, outbox: SharedOutbox) -> Result<(), Box<dyn std::error::Error>> {
        let order: Order = serde_json::from_str(row)?;

        #[derive(Clone, Serialize, Deserialize, FollowActions)]
        #[follow(name = "order", key = "id")]
        struct Order { id: Uuid, status: String, amount: Decimal, on_change_rules: Rules }

        let mut order = Tracked::loaded(order);        // as it is persisted; `Tracked::new`: the first save is an insert
        order.status = "paid".into();
        order.save_with(async |order, fired| {         // both promises: row and events in one transaction
            let mut tx = pool.begin().await?;
            store_in(&mut tx, order).await?;
            celerysalt_sql::postgres::append_in(&mut tx, fired, Utc::now()).await?;
            Ok::<_, Error>(tx.commit().await?)
        }).await?;
        order.save(&outbox, async |order| store(order).await).await?;   // or: persist first, then the outbox
        Ok(())
    }

    async fn store_in<T>(_: &mut Transaction<'_, Postgres>, _: &T) -> Result<(), Error> {
        Ok(())
    }

    async fn store<T>(_: &T) -> Result<(), Error> {
        Ok(())
    }

    #[derive(Clone, Serialize, Deserialize, FollowActions)]
    #[follow(history)]                      // a transition for every rule that fires
    #[follow(history("status", "amount"))]  // and for every change of these fields, whether a rule fires or not
    struct Kept { id: Uuid, status: String, amount: Decimal, on_change_rules: Rules }
}

mod sea {
    use sea_orm::entity::prelude::*;

    use self::order::Entity as Order;
    use super::Error;

    pub mod order {
        use celerysalt_sea_orm::{FollowActions, Rules};
        use sea_orm::entity::prelude::*;

        #[derive(Clone, Debug, PartialEq, DeriveEntityModel, FollowActions)]
        #[sea_orm(table_name = "orders")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i32,
            pub status: String,
            pub attempts: i32,
            pub on_change_rules: Rules,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {}
    }

    async fn many(db: sea_orm::DatabaseConnection) -> Result<(), Error> {
        use celerysalt_sea_orm::FollowMany;
        use sea_orm::ExprTrait; // for `add`

        let expired = Order::follow_update_many()
            .col_expr(order::Column::Status, Expr::value("expired"))
            .col_expr(order::Column::Attempts, Expr::col(order::Column::Attempts).add(1))
            .filter(order::Column::Status.eq("pending"))
            .exec(&db).await?;                                       // FollowedMany { rows_affected, events }
        Order::follow_delete_many().filter(order::Column::Attempts.gt(3)).chunk_size(100).exec(&db).await?;
        Ok(())
    }
}

mod diesel_models {
    use celerysalt_diesel::{FollowActions, Rules};
    use diesel::prelude::*;

    diesel::table! {
        orders (id) {
            id -> BigInt,
            status -> Text,
            on_change_rules -> Text,
        }
    }

    #[derive(Queryable, Selectable, Identifiable, Insertable, AsChangeset, FollowActions)]
    #[diesel(table_name = orders)]
    struct Order { id: i64, status: String, on_change_rules: Rules }      // update, insert, save, delete

    #[derive(AsChangeset, FollowActions)]
    #[diesel(table_name = orders)]
    #[follow(changes = Order)]
    struct OrderChanges { status: Option<String> }                        // update_and_follow(id, &mut conn)

    #[derive(AsChangeset, FollowActions)]
    #[diesel(table_name = orders)]
    #[follow(changes = Order)]
    struct Shipment { id: i64, status: String }                           // with its key: update, delete; with `inserts` save

    #[derive(Insertable, FollowActions)]
    #[diesel(table_name = orders)]
    #[follow(inserts = Order)]
    struct NewOrder { status: String, on_change_rules: Rules }            // insert_and_follow(&mut conn)

    async fn asynchronous(
        order: Order,
        changes: OrderChanges,
        id: i64,
        mut conn: diesel_async::AsyncPgConnection,
    ) -> Result<(), super::Error> {
        use diesel_async::AsyncConnection;

        use celerysalt_diesel::asynchronous::{FollowSave, FollowUpdate};

        order.update_and_follow(&mut conn).await?;
        conn.transaction(async |conn| changes.update_and_follow(id, conn).await).await?;
        Ok(())
    }
}

mod diesel_many {
    use celerysalt_diesel::{FollowActions, FollowMany, Rules};
    use diesel::prelude::*;

    diesel::table! {
        orders (id) {
            id -> BigInt,
            status -> Text,
            attempts -> Integer,
            on_change_rules -> Text,
        }
    }

    #[derive(Queryable, Selectable, Identifiable, Insertable, AsChangeset, FollowActions)]
    #[diesel(table_name = orders)]
    struct Order { id: i64, status: String, attempts: i32, on_change_rules: Rules }

    type Customer = Order;

    fn many(mut conn: SqliteConnection) -> Result<(), super::Error> {
        let pending = orders::table.filter(orders::status.eq("pending"));
        let done = Order::follow_update_many(pending)
            .set((orders::status.eq("expired"), orders::attempts.eq(orders::attempts + 1)))
            .execute(&mut conn)?;                                               // FollowedMany { rows_affected, events }
        Order::follow_delete_many(orders::table.filter(orders::attempts.gt(3))).chunk_size(100).execute(&mut conn)?;
        Ok(())
    }

    async fn check(
        db: sea_orm::DatabaseConnection,
        mut conn: SqliteConnection,
        mut async_conn: diesel_async::AsyncPgConnection,
    ) -> Result<(), super::Error> {
        use super::sea::order;
        use super::sea::order as customer;

        celerysalt_sea_orm::check_tables::<(order::Entity, customer::Entity)>(&db).await?;
        celerysalt_diesel::check_tables::<(Order, Customer)>(&mut conn)?;
        celerysalt_diesel::asynchronous::check_tables::<(Order, Customer)>(&mut async_conn).await?;
        Ok(())
    }
}
