//! `*_and_follow`: saves in a transaction of their own.

use std::future::Future;

use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ActiveValue, ConnectionTrait, DbBackend, DbErr,
    DeleteResult, EntityTrait, FromQueryResult, IntoActiveModel, Iterable, ModelTrait,
    PrimaryKeyToColumn, SqliteTransactionMode, TransactionOptions, TransactionSession,
    TransactionTrait,
};

use crate::column::Rules;
use crate::entity::Follow;
use crate::hooks;
use crate::passing::Passing;
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
        let own = begin(db).await?;
        let saved = insert::<A::Entity, _>(&own.txn, self).await;
        end(db, own, saved).await
    }

    async fn update_and_follow<C>(
        self,
        db: &C,
    ) -> Result<<Self::Entity as EntityTrait>::Model, DbErr>
    where
        C: ConnectionTrait + TransactionTrait,
    {
        let own = begin(db).await?;
        let saved = update::<A::Entity, _>(&own.txn, self, own.lock).await;
        end(db, own, saved).await
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
        let own = begin(db).await?;
        let deleted = delete::<A::Entity, _>(&own.txn, self, own.lock).await;
        end(db, own, deleted).await
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

/// The own transaction of a save.
pub(crate) struct Own<T> {
    pub(crate) txn: T,
    /// How it comes to SQLite's write lock.
    pub(crate) lock: Lock,
    /// Whether the relays of this process are to be woken: it is no savepoint, and the database does not tell them
    /// itself.
    wakes: bool,
}

/// SQLite takes the write lock at once, so that a reader does not find out too late that it may not write.
pub(crate) async fn begin<C: ConnectionTrait + TransactionTrait>(
    db: &C,
) -> Result<Own<C::Transaction>, DbErr> {
    row::supported(db)?;
    if row::is_transaction::<C>() {
        row::check_transaction(db).await?;
    }
    let backend = db.get_database_backend();
    let wakes = row::is_pool::<C>() && backend != DbBackend::Postgres;
    let (txn, lock) = if row::is_pool::<C>() && backend == DbBackend::Sqlite {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        (db.begin_with_options(options).await?, Lock::Held)
    } else {
        (db.begin().await?, Lock::Take)
    };
    Ok(Own { txn, lock, wakes })
}

/// Ends the own transaction, which was begun on `db`.
pub(crate) async fn end<C, T, R, E>(
    db: &C,
    own: Own<T>,
    result: Result<(R, Fired), E>,
) -> Result<R, E>
where
    C: ConnectionTrait,
    T: TransactionSession,
    E: From<DbErr>,
{
    match result {
        Ok((saved, fired)) => {
            own.txn.commit().await?;
            if fired && own.wakes {
                celerysalt::outbox::wake();
            }
            Ok(saved)
        }
        Err(error) => {
            if let Err(rollback) = own.txn.rollback().await {
                tracing::warn!(error = %rollback, "rolling back a failed save failed too");
                after_failed_rollback(db).await;
            }
            Err(error)
        }
    }
}

/// After a deadlock MySQL has no savepoint any more to roll back to. The driver has sent that once again by now, and the
/// caller's next statement, most likely its own rollback, would be given the answer: so a statement that does nothing
/// takes it.
async fn after_failed_rollback<C: ConnectionTrait>(db: &C) {
    if db.get_database_backend() == DbBackend::MySql && !row::is_pool::<C>() {
        // The error that is expected here is the one that was just reported.
        let _ = db.execute_unprepared("DO 0").await;
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
    let (mut plan, moment) = transaction::plan_update::<E, C>(db, &mut model, lock).await?;
    transaction::write_rules::<E>(&mut model, &mut plan);
    let model = row::update::<E, C>(db, model).await?;
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
