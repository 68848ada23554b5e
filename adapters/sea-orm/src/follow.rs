//! `*_and_follow`: saves in a transaction of their own.

use std::any::TypeId;
use std::future::Future;

use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ActiveValue, ConnectionTrait, DatabaseConnection,
    DbBackend, DbErr, DeleteResult, EntityTrait, FromQueryResult, IntoActiveModel, Iterable,
    ModelTrait, PrimaryKeyToColumn, SqliteTransactionMode, TransactionOptions, TransactionSession,
    TransactionTrait,
};

use crate::column::Rules;
use crate::entity::Follow;
use crate::hooks;
use crate::passing::Passing;
use crate::plan::Moment;
use crate::row::{self, Lock};
use crate::transaction::{self, Fired};

/// Saves of an active model in a transaction of their own: what fires is committed with the row, or neither is.
///
/// On a [`DatabaseTransaction`](sea_orm::DatabaseTransaction) the own transaction is a savepoint in yours.
/// Results and errors are those of SeaORM's methods of the same name; the model's own hooks run as ever.
pub trait FollowSave: ActiveModelTrait {
    /// [`insert`](ActiveModelTrait::insert), followed.
    ///
    /// # Errors
    /// The database's own; [`FollowError`](crate::FollowError) as `DbErr::Custom`. Nothing is written then.
    fn insert_and_follow<C>(
        self,
        db: &C,
    ) -> impl Future<Output = Result<<Self::Entity as EntityTrait>::Model, DbErr>> + Send
    where
        C: ConnectionTrait + TransactionTrait;

    /// [`update`](ActiveModelTrait::update), followed.
    ///
    /// # Errors
    /// As [`insert_and_follow`](Self::insert_and_follow).
    fn update_and_follow<C>(
        self,
        db: &C,
    ) -> impl Future<Output = Result<<Self::Entity as EntityTrait>::Model, DbErr>> + Send
    where
        C: ConnectionTrait + TransactionTrait;

    /// [`save`](ActiveModelTrait::save), followed: an insert when the primary key is not set, else an update.
    ///
    /// # Errors
    /// As [`insert_and_follow`](Self::insert_and_follow).
    fn save_and_follow<C>(self, db: &C) -> impl Future<Output = Result<Self, DbErr>> + Send
    where
        C: ConnectionTrait + TransactionTrait;

    /// [`delete`](ActiveModelTrait::delete), followed.
    ///
    /// # Errors
    /// As [`insert_and_follow`](Self::insert_and_follow).
    fn delete_and_follow<C>(
        self,
        db: &C,
    ) -> impl Future<Output = Result<DeleteResult, DbErr>> + Send
    where
        C: ConnectionTrait + TransactionTrait;
}

impl<A> FollowSave for A
where
    A: ActiveModelTrait<Entity: Follow<ActiveModel = A>> + ActiveModelBehavior + Send + Sync,
{
    async fn insert_and_follow<C>(
        self,
        db: &C,
    ) -> Result<<Self::Entity as EntityTrait>::Model, DbErr>
    where
        C: ConnectionTrait + TransactionTrait,
    {
        let (own, lock) = begin(db).await?;
        let saved = insert::<A::Entity, _>(&own, self).await;
        end(own, lock, saved).await
    }

    async fn update_and_follow<C>(
        self,
        db: &C,
    ) -> Result<<Self::Entity as EntityTrait>::Model, DbErr>
    where
        C: ConnectionTrait + TransactionTrait,
    {
        let (own, lock) = begin(db).await?;
        let saved = update::<A::Entity, _>(&own, self, lock).await;
        end(own, lock, saved).await
    }

    async fn save_and_follow<C>(self, db: &C) -> Result<Self, DbErr>
    where
        C: ConnectionTrait + TransactionTrait,
    {
        let saved = if has_key(&self) {
            self.update_and_follow(db).await
        } else {
            self.insert_and_follow(db).await
        };
        saved.map(IntoActiveModel::into_active_model)
    }

    async fn delete_and_follow<C>(self, db: &C) -> Result<DeleteResult, DbErr>
    where
        C: ConnectionTrait + TransactionTrait,
    {
        let (own, lock) = begin(db).await?;
        let deleted = delete::<A::Entity, _>(&own, self, lock).await;
        end(own, lock, deleted).await
    }
}

fn has_key<A: ActiveModelTrait>(model: &A) -> bool {
    let mut keys = <A::Entity as EntityTrait>::PrimaryKey::iter();
    keys.all(|key| !model.is_not_set(key.into_column()))
}

/// The delete of a model, followed.
pub trait FollowDelete: ModelTrait {
    /// [`delete`](ModelTrait::delete), followed.
    ///
    /// # Errors
    /// As [`FollowSave::insert_and_follow`].
    fn delete_and_follow<C>(
        self,
        db: &C,
    ) -> impl Future<Output = Result<DeleteResult, DbErr>> + Send
    where
        C: ConnectionTrait + TransactionTrait;
}

impl<M> FollowDelete for M
where
    M: ModelTrait<Entity: Follow<Model = M>> + FromQueryResult,
{
    async fn delete_and_follow<C>(self, db: &C) -> Result<DeleteResult, DbErr>
    where
        C: ConnectionTrait + TransactionTrait,
    {
        let active: <M::Entity as EntityTrait>::ActiveModel = self.into_active_model();
        FollowSave::delete_and_follow(active, db).await
    }
}

/// SQLite takes the write lock at once, so that a reader does not find out too late that it may not write.
pub(crate) async fn begin<C: ConnectionTrait + TransactionTrait>(
    db: &C,
) -> Result<(C::Transaction, Lock), DbErr> {
    row::supported(db)?;
    let on_a_connection = typeid::of::<C>() == TypeId::of::<DatabaseConnection>();
    if db.get_database_backend() == DbBackend::Sqlite && on_a_connection {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        return Ok((db.begin_with_options(options).await?, Lock::Held));
    }
    Ok((db.begin().await?, Lock::Take))
}

/// Ends the own transaction. SQLite tells no relay that there is something new, so that is done here.
pub(crate) async fn end<T: TransactionSession, R>(
    own: T,
    lock: Lock,
    result: Result<(R, Fired), DbErr>,
) -> Result<R, DbErr> {
    match result {
        Ok((saved, fired)) => {
            own.commit().await?;
            if fired && lock == Lock::Held {
                celerysalt::outbox::wake();
            }
            Ok(saved)
        }
        Err(error) => {
            if let Err(rollback) = own.rollback().await {
                tracing::warn!(error = %rollback, "rolling back a failed save failed too");
            }
            Err(error)
        }
    }
}

async fn insert<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: E::ActiveModel,
) -> Result<(E::Model, Fired), DbErr> {
    let model = before::<E, C>(db, model, true).await?;
    let model = E::insert(model).exec_with_returning(db).await?;
    let (model, fired) = transaction::after_insert::<E, C>(db, model).await?;
    Ok((after::<E, C>(db, model, true).await?, fired))
}

async fn update<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: E::ActiveModel,
    lock: Lock,
) -> Result<(E::Model, Fired), DbErr> {
    let mut model = before::<E, C>(db, model, false).await?;
    let moment = Moment::current();
    let mut plan = transaction::plan_update::<E, C>(db, &mut model, &moment, lock).await?;
    transaction::write_rules::<E>(&mut model, &mut plan);
    let model = E::update(model).exec(db).await?;
    transaction::keep(db, &plan, &moment).await?;
    let model = after::<E, C>(db, model, false).await?;
    Ok((model, !plan.events.is_empty()))
}

async fn delete<E: Follow, C: ConnectionTrait>(
    db: &C,
    mut model: E::ActiveModel,
    lock: Lock,
) -> Result<(DeleteResult, Fired), DbErr> {
    hooks::pass::<E>(&mut model, Passing::Followed);
    let mut model = E::ActiveModel::before_delete(model, db).await?;
    hooks::take_passing::<E>(&mut model);
    let (deleted, fired) = transaction::delete::<E, C>(db, model.clone(), lock).await?;
    hooks::pass::<E>(&mut model, Passing::Followed);
    E::ActiveModel::after_delete(model, db).await?;
    Ok((deleted, fired))
}

/// Runs the model's own hook; this crate's part of it does nothing.
async fn before<E: Follow, C: ConnectionTrait>(
    db: &C,
    mut model: E::ActiveModel,
    insert: bool,
) -> Result<E::ActiveModel, DbErr> {
    let was_set = !matches!(E::active_rules_mut(&mut model), ActiveValue::NotSet);
    // An insert without rules stays so for a hook of the user's that gives it some.
    if was_set || !insert {
        hooks::pass::<E>(&mut model, Passing::Followed);
    }
    let mut model = E::ActiveModel::before_save(model, db, insert).await?;
    hooks::take_passing::<E>(&mut model);
    let rules = E::active_rules_mut(&mut model);
    if !was_set && matches!(rules, ActiveValue::Unchanged(rules) if *rules == Rules::new()) {
        *rules = ActiveValue::NotSet;
    }
    if insert {
        hooks::check_attached::<E>(&mut model)?;
    }
    Ok(model)
}

async fn after<E: Follow, C: ConnectionTrait>(
    db: &C,
    mut model: E::Model,
    insert: bool,
) -> Result<E::Model, DbErr> {
    E::rules_mut(&mut model).pass(Passing::Followed);
    let mut model = E::ActiveModel::after_save(model, db, insert).await?;
    E::rules_mut(&mut model).take_passing();
    Ok(model)
}
