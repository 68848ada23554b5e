//! SeaORM, in the four ways that it saves: `*_and_follow`, its own methods in a transaction, those on a bare pool, and
//! bulk saves.

mod model;

use std::sync::Arc;

use async_trait::async_trait;
use celerysalt::inbox::{Once, Receipt};
use celerysalt_sea_orm::{FollowMany as _, FollowSave as _, FollowedMany};
use futures::future::LocalBoxFuture;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr,
    EntityTrait, IntoActiveModel, QueryFilter, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use uuid::Uuid;

use super::Adapter;
use crate::databases::{self, KINDS, Kind};
use crate::fixture::{CHUNK, End, Failure, Fixture, Need, Step};
use crate::order::Order;

pub use model::tables;

/// `*_and_follow`: a transaction of its own, a savepoint in the caller's.
pub const FOLLOW: Adapter = Adapter {
    name: "sea-orm",
    databases: &KINDS,
    tables,
    lacks: |_, _| None,
    open: |_, url| open(Way::Follow, url),
};

/// SeaORM's own methods on a `DatabaseTransaction`.
pub const TRANSACTION: Adapter = Adapter {
    name: "sea-orm-transaction",
    lacks: |kind, need| match (kind, need) {
        (Kind::Postgres, Need::GoesOnAfterFailure) => Some(super::ABORTED),
        (Kind::Postgres, Need::OneInsert) => {
            Some("SeaORM reads a row that a hook has written back, which is a statement more")
        }
        _ => None,
    },
    open: |_, url| open(Way::Transaction, url),
    ..FOLLOW
};

/// SeaORM's own methods on a pool.
pub const POOL: Adapter = Adapter {
    name: "sea-orm-pool",
    lacks: |_, need| match need {
        Need::Transaction | Need::GoesOnAfterFailure => {
            Some("a save on a bare pool has no transaction")
        }
        Need::OneInsert => {
            Some("on a bare pool events travel in the row, and statements of their own move them")
        }
        Need::FreeRules => Some(
            "on a bare pool the adapter writes a row with rules itself, and SeaORM reads it back",
        ),
        Need::Bulk => Some("a bulk save has a transaction of its own on a pool too"),
        Need::Inbox => Some("a handler that takes effect once works in a transaction"),
        Need::LockedRow | Need::History | Need::Check => None,
    },
    open: |_, url| open(Way::Pool, url),
    ..FOLLOW
};

/// Updates and deletes in bulk, of one row here; inserts and saves that attach rules are `*_and_follow`.
pub const MANY: Adapter = Adapter {
    name: "sea-orm-many",
    open: |_, url| open(Way::Many, url),
    ..FOLLOW
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Follow,
    Many,
    Transaction,
    Pool,
}

struct SeaOrm {
    way: Way,
    db: DatabaseConnection,
}

fn open(way: Way, url: String) -> LocalBoxFuture<'static, Arc<dyn Fixture>> {
    Box::pin(async move {
        let db = databases::connect(&url).await;
        Arc::new(SeaOrm { way, db }) as Arc<dyn Fixture>
    })
}

#[async_trait(?Send)]
impl Fixture for SeaOrm {
    async fn save(&self, step: Step) -> Result<(), Failure> {
        match self.way {
            Way::Transaction => self.transaction(vec![step], End::Commit).await,
            way => one(way, &self.db, step).await,
        }
    }

    async fn transaction(&self, steps: Vec<Step>, end: End) -> Result<(), Failure> {
        // On SQLite a transaction that reads before it writes takes the write lock at once.
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let own = self.db.begin_with_options(immediate).await?;
        all(self.way, own, steps, end).await
    }

    async fn once(&self, receipt: &Receipt, steps: Vec<Step>) -> Result<Once<()>, Failure> {
        let work = async |own: &DatabaseTransaction| {
            for step in steps {
                one(self.way, own, step).await?;
            }
            Ok(())
        };
        celerysalt_sea_orm::once(receipt, &self.db, work).await
    }

    async fn check(&self) -> Result<(), String> {
        let checked = celerysalt_sea_orm::check_tables::<model::Entity>(&self.db).await;
        checked.map_err(|error| error.to_string())
    }

    async fn load(&self, id: Uuid) -> Option<Order> {
        let row = model::Entity::find_by_id(id).one(&self.db).await.unwrap();
        row.map(Order::from)
    }

    async fn close(&self) {
        self.db.close_by_ref().await.unwrap();
    }

    async fn recover(&self) {
        celerysalt_sea_orm::recover(&self.db).await.unwrap();
    }
}

async fn all(
    way: Way,
    own: DatabaseTransaction,
    steps: Vec<Step>,
    end: End,
) -> Result<(), Failure> {
    for step in steps {
        if let Err(failure) = within(way, &own, step).await {
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

fn within(
    way: Way,
    own: &DatabaseTransaction,
    step: Step,
) -> LocalBoxFuture<'_, Result<(), Failure>> {
    Box::pin(async move {
        match step {
            Step::Savepoint(steps, end) => all(way, own.begin().await?, steps, end).await,
            Step::Caught(step) => {
                within(way, own, *step).await.unwrap_err();
                Ok(())
            }
            step => one(way, own, step).await,
        }
    })
}

async fn one<C: ConnectionTrait + TransactionTrait>(
    way: Way,
    db: &C,
    step: Step,
) -> Result<(), Failure> {
    let followed = matches!(way, Way::Follow | Way::Many);
    match step {
        Step::Update(order, change) if way == Way::Many && change.on_change_rules.is_none() => {
            let only = model::Column::Id.eq(order.id);
            let update = model::Entity::follow_update_many().set(model::written(order, change));
            one_of(update.filter(only).exec(db).await?)?;
        }
        Step::Delete(order) if way == Way::Many => {
            let only = model::Column::Id.eq(order.id);
            let delete = model::Entity::follow_delete_many().filter(only);
            delete.exec(db).await?;
        }
        Step::Insert(order) => {
            let order = model::Model::from(order).into_active_model().reset_all();
            match followed {
                true => order.insert_and_follow(db).await?,
                false => order.insert(db).await?,
            };
        }
        Step::Update(order, change) => {
            let order = model::written(order, change);
            match followed {
                true => order.update_and_follow(db).await?,
                false => order.update(db).await?,
            };
        }
        Step::Delete(order) => {
            let order = model::Model::from(order).into_active_model();
            match followed {
                true => order.delete_and_follow(db).await?,
                false => order.delete(db).await?,
            };
        }
        Step::UpdateMany(ids, change) => {
            let changes = model::written(Order::pending([]), change);
            let rows = model::Entity::follow_update_many().set(changes);
            let rows = rows.filter(model::Column::Id.is_in(ids));
            rows.chunk_size(CHUNK).exec(db).await?;
        }
        Step::DeleteMany(ids) => {
            let rows = model::Entity::follow_delete_many();
            let rows = rows.filter(model::Column::Id.is_in(ids));
            rows.chunk_size(CHUNK).exec(db).await?;
        }
        Step::Savepoint(..) | Step::Caught(_) => panic!("{step:?} without a transaction"),
    }
    Ok(())
}

/// A bulk save of a row that is not there is none.
fn one_of(done: FollowedMany) -> Result<(), Failure> {
    match done.rows_affected {
        0 => Err(Failure::NotFound),
        _ => Ok(()),
    }
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        match error {
            DbErr::Custom(text) => Self::Refused(text),
            DbErr::RecordNotFound(_) | DbErr::RecordNotUpdated => Self::NotFound,
            other => Self::Database(other.to_string()),
        }
    }
}
