//! The user's own store, on each database.

macro_rules! store {
    ($name:ident, $database:ident, $connection:ident, begin: $begin:literal, $append:path, [$a:literal, $b:literal, $c:literal, $d:literal]) => {
        pub(super) mod $name {
            use std::sync::Arc;

            use async_trait::async_trait;

            use celerysalt::inbox::{Once, Receipt};
            use celerysalt::rules::Rules;
            use celerysalt_plain::{Fired, Tracked};
            use chrono::Utc;
            use futures::future::LocalBoxFuture;
            use sqlx::{Connection, Pool, Row, Transaction, $connection, $database};
            use uuid::Uuid;

            use super::super::{StoreError, settings};
            use crate::fixture::{End, Failure, Fixture, Step};
            use crate::order::Order;

            const INSERT: &str = concat!(
                "INSERT INTO orders (code, document, on_change_rules, id) VALUES (",
                $a,
                ", ",
                $b,
                ", ",
                $c,
                ", ",
                $d,
                ")"
            );
            const UPDATE: &str = concat!(
                "UPDATE orders SET code = ",
                $a,
                ", document = ",
                $b,
                ", on_change_rules = ",
                $c,
                " WHERE id = ",
                $d
            );
            const DELETE: &str = concat!("DELETE FROM orders WHERE id = ", $a);
            const SELECT: &str = concat!(
                "SELECT document, on_change_rules FROM orders WHERE id = ",
                $a
            );

            pub(in super::super) async fn open(url: &str) -> Arc<dyn Fixture> {
                let options = settings::$name(url.parse().unwrap());
                let pool = sqlx::pool::PoolOptions::new().max_connections(10);
                let pool = pool.acquire_timeout(std::time::Duration::from_secs(60));
                Arc::new(Store(pool.connect_with(options).await.unwrap()))
            }

            struct Store(Pool<$database>);

            #[async_trait(?Send)]
            impl Fixture for Store {
                async fn save(&self, step: Step) -> Result<(), Failure> {
                    self.transaction(vec![step], End::Commit).await
                }

                async fn transaction(&self, steps: Vec<Step>, end: End) -> Result<(), Failure> {
                    let own = self.0.begin_with($begin).await?;
                    all(own, steps, end).await
                }

                async fn once(
                    &self,
                    receipt: &Receipt,
                    steps: Vec<Step>,
                ) -> Result<Once<()>, Failure> {
                    let work = async |own: &mut $connection| {
                        for step in steps {
                            one(own, step).await?;
                        }
                        Ok(())
                    };
                    celerysalt_sql::inbox::once(receipt, &self.0, work).await
                }

                async fn load(&self, id: Uuid) -> Option<Order> {
                    let select = sqlx::query(SELECT).bind(id.to_string());
                    let row = select.fetch_optional(&self.0).await.unwrap()?;
                    let mut order: Order = serde_json::from_str(row.get(0)).unwrap();
                    order.on_change_rules = Rules::loaded(row.get(1));
                    Some(order)
                }

                async fn close(&self) {
                    self.0.close().await;
                }
            }

            async fn all(
                mut own: Transaction<'_, $database>,
                steps: Vec<Step>,
                end: End,
            ) -> Result<(), Failure> {
                for step in steps {
                    if let Err(failure) = within(&mut own, step).await {
                        own.rollback().await?;
                        return Err(failure);
                    }
                }
                match end {
                    End::Commit => own.commit().await?,
                    End::Rollback => own.rollback().await?,
                }
                Ok(())
            }

            fn within<'t>(
                own: &'t mut Transaction<'_, $database>,
                step: Step,
            ) -> LocalBoxFuture<'t, Result<(), Failure>> {
                Box::pin(async move {
                    match step {
                        Step::Savepoint(steps, end) => all(own.begin().await?, steps, end).await,
                        Step::Caught(step) => {
                            within(own, *step).await.unwrap_err();
                            Ok(())
                        }
                        step => one(own, step).await,
                    }
                })
            }

            async fn one(own: &mut $connection, step: Step) -> Result<(), Failure> {
                match step {
                    Step::Insert(order) => {
                        let persist = async |order: &Order, fired: &Fired| {
                            write(own, INSERT, order, fired).await
                        };
                        Tracked::new(order).save_with(persist).await?;
                    }
                    Step::Update(order, change) => {
                        let mut tracked = Tracked::loaded(order.clone());
                        *tracked = change.on(order);
                        let persist = async |order: &Order, fired: &Fired| {
                            write(own, UPDATE, order, fired).await
                        };
                        tracked.save_with(persist).await?;
                    }
                    Step::Delete(order) => {
                        let remove = async |order: &Order, fired: &Fired| {
                            let delete = sqlx::query(DELETE).bind(order.id.to_string());
                            delete.execute(&mut *own).await?;
                            keep(own, fired).await
                        };
                        Tracked::loaded(order).delete_with(remove).await?;
                    }
                    other => panic!("{other:?} is not for this adapter alone"),
                }
                Ok(())
            }

            async fn write(
                own: &mut $connection,
                sql: &'static str,
                order: &Order,
                fired: &Fired,
            ) -> Result<(), StoreError> {
                let written = sqlx::query(sql)
                    .bind(&order.code)
                    .bind(serde_json::to_string(order).unwrap())
                    .bind(order.on_change_rules.to_json())
                    .bind(order.id.to_string())
                    .execute(&mut *own)
                    .await?;
                if written.rows_affected() == 0 {
                    return Err(sqlx::Error::RowNotFound.into());
                }
                keep(own, fired).await
            }

            async fn keep(own: &mut $connection, fired: &Fired) -> Result<(), StoreError> {
                $append(&mut *own, fired, Utc::now()).await?;
                Ok(celerysalt_sql::history::append_in(own, fired.transitions()).await?)
            }
        }
    };
}

store!(
    sqlite,
    Sqlite,
    SqliteConnection,
    begin: "BEGIN IMMEDIATE",
    celerysalt_sql::sqlite::append_in,
    ["?", "?", "?", "?"]
);
store!(
    postgres,
    Postgres,
    PgConnection,
    begin: "BEGIN",
    celerysalt_sql::postgres::append_in,
    ["$1", "$2", "$3", "$4"]
);
store!(
    mariadb,
    MySql,
    MySqlConnection,
    begin: "START TRANSACTION",
    celerysalt_sql::mysql::append_in,
    ["?", "?", "?", "?"]
);
