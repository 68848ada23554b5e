//! The ways to save, so that a test can say the same of each.

use celerysalt::rules::Rule;
use celerysalt_sea_orm::{Follow, FollowDelete, FollowSave, Rules};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, DatabaseConnection,
    DatabaseTransaction, DbBackend, DbErr, EntityTrait, ExecResult, FromQueryResult,
    IntoActiveModel, ModelTrait, QueryResult, Statement, TransactionTrait,
};

use super::order;

/// An active model of any entity that is followed.
pub trait Followed:
    ActiveModelTrait<Entity: Follow<ActiveModel = Self>> + ActiveModelBehavior + Send + Sync
{
}

impl<A> Followed for A where
    A: ActiveModelTrait<Entity: Follow<ActiveModel = A>> + ActiveModelBehavior + Send + Sync
{
}

/// A model of any entity that is followed.
pub trait FollowedModel:
    ModelTrait<Entity: Follow<Model = Self, ActiveModel: ActiveModelBehavior>> + FromQueryResult
{
}

impl<M> FollowedModel for M where
    M: ModelTrait<Entity: Follow<Model = M, ActiveModel: ActiveModelBehavior>> + FromQueryResult
{
}

type Model<A> = <<A as ActiveModelTrait>::Entity as EntityTrait>::Model;

/// A way to save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// `*_and_follow` on the pool.
    Own,
    /// `*_and_follow` in a transaction of the caller's: a savepoint.
    Savepoint,
    /// Plain saves in a `DatabaseTransaction`.
    Transaction,
    /// Plain saves on the pool.
    Pool,
    /// Plain saves on a connection type of the caller's that is a transaction and does not tell.
    Wrapped,
}

pub const PATHS: [Path; 5] = [
    Path::Own,
    Path::Savepoint,
    Path::Transaction,
    Path::Pool,
    Path::Wrapped,
];

/// The ways that can be rolled back by the caller.
pub const IN_TRANSACTION: [Path; 3] = [Path::Savepoint, Path::Transaction, Path::Wrapped];

/// A caller's own connection type.
pub struct Wrapper<'t>(pub &'t DatabaseTransaction);

#[async_trait::async_trait]
impl ConnectionTrait for Wrapper<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.0.get_database_backend()
    }
    async fn execute_raw(&self, stmt: Statement) -> Result<ExecResult, DbErr> {
        self.0.execute_raw(stmt).await
    }
    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.0.execute_unprepared(sql).await
    }
    async fn query_one_raw(&self, stmt: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.0.query_one_raw(stmt).await
    }
    async fn query_all_raw(&self, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.0.query_all_raw(stmt).await
    }
}

impl Path {
    pub async fn insert<A: Followed>(
        self,
        db: &DatabaseConnection,
        model: A,
    ) -> Result<Model<A>, DbErr> {
        match self {
            Self::Own => model.insert_and_follow(db).await,
            Self::Pool => model.insert(db).await,
            _ => {
                let own = db.begin().await?;
                let saved = self.insert_in(&own, model).await?;
                own.commit().await?;
                Ok(saved)
            }
        }
    }

    /// In a transaction of the caller's.
    pub async fn insert_in<A: Followed>(
        self,
        own: &DatabaseTransaction,
        model: A,
    ) -> Result<Model<A>, DbErr> {
        match self {
            Self::Savepoint => model.insert_and_follow(own).await,
            Self::Wrapped => model.insert(&Wrapper(own)).await,
            _ => model.insert(own).await,
        }
    }

    pub async fn update<A: Followed>(
        self,
        db: &DatabaseConnection,
        model: A,
    ) -> Result<Model<A>, DbErr> {
        match self {
            Self::Own => model.update_and_follow(db).await,
            Self::Pool => model.update(db).await,
            _ => {
                let own = db.begin().await?;
                let saved = self.update_in(&own, model).await?;
                own.commit().await?;
                Ok(saved)
            }
        }
    }

    /// In a transaction of the caller's.
    pub async fn update_in<A: Followed>(
        self,
        own: &DatabaseTransaction,
        model: A,
    ) -> Result<Model<A>, DbErr> {
        match self {
            Self::Savepoint => model.update_and_follow(own).await,
            Self::Wrapped => model.update(&Wrapper(own)).await,
            _ => model.update(own).await,
        }
    }

    pub async fn save(
        self,
        db: &DatabaseConnection,
        model: order::ActiveModel,
    ) -> Result<order::ActiveModel, DbErr> {
        match self {
            Self::Own => model.save_and_follow(db).await,
            Self::Pool => model.save(db).await,
            _ => {
                let own = db.begin().await?;
                let saved = match self {
                    Self::Savepoint => model.save_and_follow(&own).await?,
                    Self::Wrapped => model.save(&Wrapper(&own)).await?,
                    _ => model.save(&own).await?,
                };
                own.commit().await?;
                Ok(saved)
            }
        }
    }

    pub async fn delete<M: FollowedModel>(
        self,
        db: &DatabaseConnection,
        model: M,
    ) -> Result<u64, DbErr> {
        let deleted = match self {
            Self::Own => model.delete_and_follow(db).await?,
            Self::Pool => model.delete(db).await?,
            _ => {
                let own = db.begin().await?;
                let deleted = self.delete_in(&own, model).await?;
                own.commit().await?;
                return Ok(deleted);
            }
        };
        Ok(deleted.rows_affected)
    }

    /// In a transaction of the caller's.
    pub async fn delete_in<M: FollowedModel>(
        self,
        own: &DatabaseTransaction,
        model: M,
    ) -> Result<u64, DbErr> {
        let deleted = match self {
            Self::Savepoint => model.delete_and_follow(own).await?,
            Self::Wrapped => model.delete(&Wrapper(own)).await?,
            _ => model.delete(own).await?,
        };
        Ok(deleted.rows_affected)
    }
}

/// A new order, not inserted yet.
pub fn new_order(number: &str, rules: Vec<Rule>) -> order::ActiveModel {
    order::ActiveModel {
        number: Set(number.to_owned()),
        status: Set("new".to_owned()),
        amount: Set("12.50".parse().unwrap()),
        on_change_rules: Set(Rules::from(rules)),
        ..Default::default()
    }
}

/// An order that stands in the database, put there without hooks.
pub async fn stored_order(db: &DatabaseConnection, number: &str, rules: Vec<Rule>) -> order::Model {
    let id = order::Entity::insert(new_order(number, rules))
        .exec(db)
        .await
        .unwrap()
        .last_insert_id;
    reload(db, id).await
}

pub async fn reload<C: ConnectionTrait>(db: &C, id: i32) -> order::Model {
    order::Entity::find_by_id(id)
        .one(db)
        .await
        .unwrap()
        .unwrap()
}

/// The order with another status, as a save writes it.
pub fn with_status(order: &order::Model, status: &str) -> order::ActiveModel {
    let mut active = order.clone().into_active_model();
    active.status = Set(status.to_owned());
    active
}

/// Only key and status, as a handler does that has not loaded the row.
pub fn only_status(id: i32, status: &str) -> order::ActiveModel {
    order::ActiveModel {
        id: Unchanged(id),
        status: Set(status.to_owned()),
        ..Default::default()
    }
}
