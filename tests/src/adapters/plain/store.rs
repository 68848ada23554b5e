//! The user's own store, on each database.

macro_rules! store {
    ($name:ident, $database:ident, $connection:ident, begin: $begin:literal, lock: $lock:literal, $append:path, [$a:literal, $b:literal, $c:literal, $d:literal]) => {
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

            use super::super::{OldRow, StoreError, settings};
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
            const LOCK: &str = concat!(
                "SELECT document, on_change_rules FROM orders WHERE id = ",
                $a,
                $lock
            );

            pub(in super::super) async fn open(url: &str, old: OldRow) -> Arc<dyn Fixture> {
                let options = settings::$name(url.parse().unwrap());
                let pool = sqlx::pool::PoolOptions::new().max_connections(10);
                let pool = pool.acquire_timeout(std::time::Duration::from_secs(60));
                let pool = pool.connect_with(options).await.unwrap();
                Arc::new(Store { pool, old })
            }

            struct Store {
                pool: Pool<$database>,
                old: OldRow,
            }

            #[async_trait(?Send)]
            impl Fixture for Store {
                async fn save(&self, step: Step) -> Result<(), Failure> {
                    self.transaction(vec![step], End::Commit).await
                }

                async fn transaction(&self, steps: Vec<Step>, end: End) -> Result<(), Failure> {
                    let own = self.pool.begin_with($begin).await?;
                    all(own, steps, end, self.old).await
                }

                async fn once(
                    &self,
                    receipt: &Receipt,
                    steps: Vec<Step>,
                ) -> Result<Once<()>, Failure> {
                    let work = async |own: &mut $connection| {
                        for step in steps {
                            one(own, step, self.old).await?;
                        }
                        Ok(())
                    };
                    celerysalt_sql::inbox::once(receipt, &self.pool, work).await
                }

                async fn load(&self, id: Uuid) -> Option<Order> {
                    let mut own = self.pool.acquire().await.unwrap();
                    found(&mut own, SELECT, id).await.unwrap()
                }

                async fn close(&self) {
                    self.pool.close().await;
                }
            }

            async fn all(
                mut own: Transaction<'_, $database>,
                steps: Vec<Step>,
                end: End,
                old: OldRow,
            ) -> Result<(), Failure> {
                for step in steps {
                    if let Err(failure) = within(&mut own, step, old).await {
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
                old: OldRow,
            ) -> LocalBoxFuture<'t, Result<(), Failure>> {
                Box::pin(async move {
                    match step {
                        Step::Savepoint(steps, end) => {
                            all(own.begin().await?, steps, end, old).await
                        }
                        Step::Caught(step) => {
                            within(own, *step, old).await.unwrap_err();
                            Ok(())
                        }
                        step => one(own, step, old).await,
                    }
                })
            }

            async fn one(own: &mut $connection, step: Step, old: OldRow) -> Result<(), Failure> {
                match step {
                    Step::Insert(order) => {
                        let persist = async |order: &Order, fired: &Fired| {
                            write(own, INSERT, order, fired).await
                        };
                        Tracked::new(order).save_with(persist).await?;
                    }
                    Step::Update(order, change) => {
                        let stored = stored(own, order, old).await?;
                        let stored = stored.ok_or(Failure::NotFound)?;
                        let changed = old.changed(&stored, change);
                        let mut tracked = Tracked::loaded(stored);
                        *tracked = changed;
                        let persist = async |order: &Order, fired: &Fired| {
                            write(own, UPDATE, order, fired).await
                        };
                        tracked.save_with(persist).await?;
                    }
                    Step::Delete(order) => {
                        let Some(stored) = stored(own, order, old).await? else {
                            return Ok(());
                        };
                        let remove = async |order: &Order, fired: &Fired| {
                            let delete = sqlx::query(DELETE).bind(order.id.to_string());
                            delete.execute(&mut *own).await?;
                            keep(own, fired).await
                        };
                        Tracked::loaded(stored).delete_with(remove).await?;
                    }
                    other => panic!("{other:?} is not for this adapter alone"),
                }
                Ok(())
            }

            async fn stored(
                own: &mut $connection,
                remembered: Order,
                old: OldRow,
            ) -> Result<Option<Order>, Failure> {
                match old {
                    OldRow::Remembered => Ok(Some(remembered)),
                    OldRow::Locked => Ok(found(own, LOCK, remembered.id).await?),
                }
            }

            async fn found(
                own: &mut $connection,
                sql: &'static str,
                id: Uuid,
            ) -> Result<Option<Order>, sqlx::Error> {
                let select = sqlx::query(sql).bind(id.to_string());
                let row = select.fetch_optional(own).await?;
                Ok(row.map(|row| {
                    let mut order: Order = serde_json::from_str(row.get(0)).unwrap();
                    order.on_change_rules = Rules::loaded(row.get(1));
                    order
                }))
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
    lock: "",
    celerysalt_sql::sqlite::append_in,
    ["?", "?", "?", "?"]
);
store!(
    postgres,
    Postgres,
    PgConnection,
    begin: "BEGIN",
    lock: " FOR UPDATE",
    celerysalt_sql::postgres::append_in,
    ["$1", "$2", "$3", "$4"]
);
store!(
    mariadb,
    MySql,
    MySqlConnection,
    begin: "START TRANSACTION",
    lock: " FOR UPDATE",
    celerysalt_sql::mysql::append_in,
    ["?", "?", "?", "?"]
);
