//! diesel-async, on a connection of its own for each save that runs at the same time.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use celerysalt::inbox::{Once, Receipt};
use celerysalt_diesel::asynchronous;
use celerysalt_diesel::asynchronous::{FollowMany, FollowSave, FollowUpdate};
use diesel::OptionalExtension;
use diesel::{QueryDsl, SelectableHelper, SqliteConnection};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{
    AsyncConnection, AsyncMysqlConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection,
};
use futures::future::{BoxFuture, LocalBoxFuture};
use uuid::Uuid;

use super::values::Stored;
use super::{Rolled, model, sqlite_file, tables};
use crate::adapters::Adapter;
use crate::databases::{KINDS, Kind};
use crate::fixture::{CHUNK, End, Failure, Fixture, Step};
use crate::order::Order;

/// `*_and_follow` of diesel-async's connections.
pub(in crate::adapters) const DIESEL_ASYNC: Adapter = Adapter {
    name: "diesel-async",
    databases: &KINDS,
    tables,
    lacks: |_, _| None,
    open,
};

/// Connections that nobody uses now; one whose future was dropped is not given back.
struct Idle<C> {
    url: String,
    idle: Mutex<Vec<C>>,
}

impl<C> Idle<C> {
    fn take(&self) -> Option<C> {
        self.idle.lock().unwrap().pop()
    }

    fn give_back(&self, conn: C) {
        self.idle.lock().unwrap().push(conn);
    }
}

macro_rules! fixture {
    ($name:ident, $conn:ty, $model:ident, $connect:expr) => {
        mod $name {
            use super::*;
            use model::$model::{Id, Row, RowChanges, of, orders};

            pub(super) fn open(url: String) -> Arc<dyn Fixture> {
                let idle = Mutex::default();
                Arc::new(Idle::<$conn> { url, idle })
            }

            impl Idle<$conn> {
                async fn connection(&self) -> $conn {
                    match self.take() {
                        Some(conn) => conn,
                        None => ($connect)(&self.url).await,
                    }
                }
            }

            #[async_trait(?Send)]
            impl Fixture for Idle<$conn> {
                async fn save(&self, step: Step) -> Result<(), Failure> {
                    let mut conn = self.connection().await;
                    let outcome = one(&mut conn, step).await;
                    self.give_back(conn);
                    outcome
                }

                async fn transaction(&self, steps: Vec<Step>, end: End) -> Result<(), Failure> {
                    let mut conn = self.connection().await;
                    let run = async |conn: &mut $conn| within(conn, steps, end).await;
                    let outcome = conn.transaction(run).await;
                    self.give_back(conn);
                    outcome.or_else(Rolled::failure)
                }

                async fn once(
                    &self,
                    receipt: &Receipt,
                    steps: Vec<Step>,
                ) -> Result<Once<()>, Failure> {
                    let mut conn = self.connection().await;
                    let work = async |conn: &mut $conn| {
                        for step in steps {
                            one(conn, step).await?;
                        }
                        Ok(())
                    };
                    let outcome = asynchronous::once(receipt, &mut conn, work).await;
                    self.give_back(conn);
                    outcome
                }

                async fn check(&self) -> Result<(), String> {
                    let mut conn = self.connection().await;
                    let checked = asynchronous::check_tables::<Row>(&mut conn).await;
                    self.give_back(conn);
                    checked.map_err(|error| error.to_string())
                }

                async fn load(&self, id: Uuid) -> Option<Order> {
                    let mut conn = self.connection().await;
                    let key: Id = Stored::of(id);
                    let query = orders::table.find(key).select(Row::as_select());
                    let row = query.first(&mut conn).await.optional().unwrap();
                    self.give_back(conn);
                    row.map(Order::from)
                }

                async fn close(&self) {
                    self.idle.lock().unwrap().clear();
                }
            }

            fn within(
                conn: &mut $conn,
                steps: Vec<Step>,
                end: End,
            ) -> BoxFuture<'_, Result<(), Rolled>> {
                Box::pin(async move {
                    for step in steps {
                        match step {
                            Step::Savepoint(steps, end) => {
                                let run = async |conn: &mut $conn| within(conn, steps, end).await;
                                let outcome = conn.transaction(run).await;
                                outcome.or_else(Rolled::failure)?;
                            }
                            Step::Caught(step) => {
                                let failed = within(conn, vec![*step], End::Commit).await;
                                failed.unwrap_err();
                            }
                            step => one(conn, step).await?,
                        }
                    }
                    match end {
                        End::Commit => Ok(()),
                        End::Rollback => Err(Rolled::AsTold),
                    }
                })
            }

            async fn one(conn: &mut $conn, step: Step) -> Result<(), Failure> {
                match step {
                    Step::Insert(order) => {
                        Row::from(order).insert_and_follow(conn).await?;
                    }
                    Step::Update(order, change) if change.is_everything() => {
                        let row = Row::from(change.on(order));
                        FollowSave::update_and_follow(row, conn).await?;
                    }
                    Step::Update(order, change) => {
                        let (changes, key) = (RowChanges::from(change), Stored::of(order.id));
                        FollowUpdate::update_and_follow(changes, key, conn).await?;
                    }
                    Step::Delete(order) => {
                        Row::from(order).delete_and_follow(conn).await?;
                    }
                    Step::UpdateMany(ids, change) => {
                        let changes = RowChanges::from(change);
                        let update = Row::follow_update_many(of(ids)).set(changes);
                        update.chunk_size(CHUNK).execute(conn).await?;
                    }
                    Step::DeleteMany(ids) => {
                        let delete = Row::follow_delete_many(of(ids));
                        delete.chunk_size(CHUNK).execute(conn).await?;
                    }
                    other => panic!("{other:?} is not for this adapter alone"),
                }
                Ok(())
            }
        }
    };
}

fixture!(
    on_sqlite,
    SyncConnectionWrapper<SqliteConnection>,
    sqlite,
    async |url: &str| {
        let conn = SyncConnectionWrapper::<SqliteConnection>::establish(sqlite_file(url)).await;
        let mut conn = conn.unwrap();
        conn.batch_execute(super::super::SQLITE_SETTINGS)
            .await
            .unwrap();
        conn
    }
);
fixture!(
    on_postgres,
    AsyncPgConnection,
    postgres,
    async |url: &str| { AsyncPgConnection::establish(url).await.unwrap() }
);
fixture!(
    on_mariadb,
    AsyncMysqlConnection,
    mariadb,
    async |url: &str| { AsyncMysqlConnection::establish(url).await.unwrap() }
);

fn open(kind: Kind, url: String) -> LocalBoxFuture<'static, Arc<dyn Fixture>> {
    let fixture = match kind {
        Kind::Sqlite => on_sqlite::open(url),
        Kind::Postgres => on_postgres::open(url),
        Kind::MariaDb => on_mariadb::open(url),
    };
    Box::pin(std::future::ready(fixture))
}
