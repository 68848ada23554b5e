//! Diesel, on a connection of its own for each save that runs at the same time.

mod asynchronous;
mod model;
mod values;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use celerysalt::inbox::{Once, Receipt};
use celerysalt_diesel::{FollowMany, FollowSave, FollowUpdate};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use futures::future::LocalBoxFuture;
use uuid::Uuid;

use super::Adapter;
use crate::databases::{KINDS, Kind};
use crate::fixture::{CHUNK, End, Failure, Fixture, Step};
use crate::order::Order;
use values::Stored;

pub(super) use asynchronous::DIESEL_ASYNC;

/// `*_and_follow` of Diesel's own connections.
pub const DIESEL: Adapter = Adapter {
    name: "diesel",
    databases: &KINDS,
    tables,
    lacks: |_, _| None,
    open,
};

/// The table of orders.
pub(super) fn tables(kind: Kind) -> &'static str {
    match kind {
        Kind::Sqlite => {
            "CREATE TABLE orders (id TEXT PRIMARY KEY, code TEXT NOT NULL UNIQUE, status TEXT NOT NULL,
             amount TEXT NOT NULL, quantity INTEGER, weight REAL NOT NULL, vip BOOLEAN NOT NULL, remark TEXT, due TEXT,
             paid_at TEXT, details TEXT NOT NULL, on_change_rules TEXT NOT NULL DEFAULT '[]')"
        }
        Kind::Postgres => super::sea_orm::tables(kind),
        Kind::MariaDb => {
            "CREATE TABLE orders (id CHAR(36) PRIMARY KEY, code VARCHAR(60) NOT NULL UNIQUE,
             status VARCHAR(60) NOT NULL, amount DECIMAL(30, 8) NOT NULL, quantity BIGINT, weight DOUBLE NOT NULL,
             vip BOOLEAN NOT NULL, remark TEXT, due DATE, paid_at DATETIME(6), details JSON NOT NULL,
             on_change_rules JSON NOT NULL DEFAULT '[]')"
        }
    }
}

/// Connections that nobody uses now; one that was unwound from is not given back.
struct Idle<C> {
    url: String,
    connect: fn(&str) -> C,
    idle: Mutex<Vec<C>>,
}

impl<C> Idle<C> {
    fn with<R>(&self, run: impl FnOnce(&mut C) -> R) -> R {
        let idle = self.idle.lock().unwrap().pop();
        let mut conn = idle.unwrap_or_else(|| (self.connect)(&self.url));
        let outcome = run(&mut conn);
        self.idle.lock().unwrap().push(conn);
        outcome
    }
}

/// What every connection to SQLite begins with.
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 30000; PRAGMA synchronous = OFF";

/// The file in a URL as sqlx writes them.
fn sqlite_file(url: &str) -> &str {
    let file = url.strip_prefix("sqlite://").unwrap_or(url);
    file.split('?').next().unwrap_or(file)
}

macro_rules! fixture {
    ($name:ident, $conn:ty, $model:ident, $transaction:ident, $connect:expr) => {
        mod $name {
            use super::*;
            use model::$model::{Id, Row, RowChanges, of, orders};

            pub(super) fn open(url: String) -> Arc<dyn Fixture> {
                let connect: fn(&str) -> $conn = $connect;
                let idle = Mutex::default();
                Arc::new(Idle { url, connect, idle })
            }

            #[async_trait(?Send)]
            impl Fixture for Idle<$conn> {
                async fn save(&self, step: Step) -> Result<(), Failure> {
                    self.with(|conn| one(conn, step))
                }

                async fn transaction(&self, steps: Vec<Step>, end: End) -> Result<(), Failure> {
                    let run = |conn: &mut $conn| {
                        let outcome = conn.$transaction(|conn| within(conn, steps, end));
                        outcome.or_else(Rolled::failure)
                    };
                    self.with(run)
                }

                async fn once(
                    &self,
                    receipt: &Receipt,
                    steps: Vec<Step>,
                ) -> Result<Once<()>, Failure> {
                    let work = |conn: &mut $conn| {
                        let mut steps = steps.into_iter();
                        steps.try_for_each(|step| one(conn, step))
                    };
                    self.with(|conn| celerysalt_diesel::once(receipt, conn, work))
                }

                async fn check(&self) -> Result<(), String> {
                    let checked = self.with(|conn| celerysalt_diesel::check_tables::<Row>(conn));
                    checked.map_err(|error| error.to_string())
                }

                async fn load(&self, id: Uuid) -> Option<Order> {
                    let key: Id = Stored::of(id);
                    let query = orders::table.find(key);
                    let row = self.with(|conn| {
                        let row = query.select(Row::as_select()).first(conn);
                        row.optional().unwrap()
                    });
                    row.map(Order::from)
                }

                async fn close(&self) {
                    self.idle.lock().unwrap().clear();
                }

                fn is_blocking(&self) -> bool {
                    true
                }
            }

            fn within(conn: &mut $conn, steps: Vec<Step>, end: End) -> Result<(), Rolled> {
                for step in steps {
                    match step {
                        Step::Savepoint(steps, end) => {
                            let outcome = conn.transaction(|conn| within(conn, steps, end));
                            outcome.or_else(Rolled::failure)?;
                        }
                        Step::Caught(step) => {
                            within(conn, vec![*step], End::Commit).unwrap_err();
                        }
                        step => one(conn, step)?,
                    }
                }
                match end {
                    End::Commit => Ok(()),
                    End::Rollback => Err(Rolled::AsTold),
                }
            }

            fn one(conn: &mut $conn, step: Step) -> Result<(), Failure> {
                match step {
                    Step::Insert(order) => Row::from(order).insert_and_follow(conn).map(drop)?,
                    Step::Update(order, change) if change.is_everything() => {
                        let row = Row::from(change.on(order));
                        FollowSave::update_and_follow(row, conn).map(drop)?;
                    }
                    Step::Update(order, change) => {
                        let changes = RowChanges::from(change);
                        changes
                            .update_and_follow(Stored::of(order.id), conn)
                            .map(drop)?;
                    }
                    Step::Delete(order) => Row::from(order).delete_and_follow(conn).map(drop)?,
                    Step::UpdateMany(ids, change) => {
                        let changes = RowChanges::from(change);
                        Row::follow_update_many(of(ids))
                            .set(changes)
                            .chunk_size(CHUNK)
                            .execute(conn)?;
                    }
                    Step::DeleteMany(ids) => {
                        Row::follow_delete_many(of(ids))
                            .chunk_size(CHUNK)
                            .execute(conn)?;
                    }
                    Step::Savepoint(..) | Step::Caught(_) => {
                        panic!("{step:?} without a transaction")
                    }
                }
                Ok(())
            }
        }
    };
}

fixture!(
    on_sqlite,
    SqliteConnection,
    sqlite,
    immediate_transaction,
    |url| {
        let mut conn = SqliteConnection::establish(sqlite_file(url)).unwrap();
        conn.batch_execute(SQLITE_SETTINGS).unwrap();
        conn
    }
);
fixture!(on_postgres, PgConnection, postgres, transaction, |url| {
    PgConnection::establish(url).unwrap()
});

fixture!(on_mariadb, MysqlConnection, mariadb, transaction, |url| {
    MysqlConnection::establish(url).unwrap()
});

fn open(kind: Kind, url: String) -> LocalBoxFuture<'static, Arc<dyn Fixture>> {
    let fixture = match kind {
        Kind::Sqlite => on_sqlite::open(url),
        Kind::Postgres => on_postgres::open(url),
        Kind::MariaDb => on_mariadb::open(url),
    };
    Box::pin(std::future::ready(fixture))
}

/// Why a closure leaves its transaction.
enum Rolled {
    AsTold,
    Failed(Failure),
}

impl Rolled {
    fn failure(self) -> Result<(), Failure> {
        match self {
            Self::AsTold => Ok(()),
            Self::Failed(failure) => Err(failure),
        }
    }
}

impl std::fmt::Debug for Rolled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rolled back")
    }
}

impl From<Failure> for Rolled {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<DieselError> for Rolled {
    fn from(error: DieselError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<DieselError> for Failure {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::NotFound => Self::NotFound,
            other => Self::Database(other.to_string()),
        }
    }
}

impl From<celerysalt_diesel::Error> for Failure {
    fn from(error: celerysalt_diesel::Error) -> Self {
        match error {
            celerysalt_diesel::Error::Database(error) => error.into(),
            other => Self::Refused(other.to_string()),
        }
    }
}
