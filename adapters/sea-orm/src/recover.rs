//! Makes good what savers without a transaction left behind when they died.

use futures::future::BoxFuture;
use sea_orm::sea_query::{Expr, ExprTrait, LockType};
use sea_orm::{
    ActiveValue, ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, IntoActiveModel, IsolationLevel, QueryFilter, QueryOrder, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};

use celerysalt::rules::Rules as CoreRules;
use uuid::Uuid;

use crate::entity::Follow;
use crate::key::Key;
use crate::note;
use crate::plan::{self, Moment};
use crate::row::{self, Lock};
use crate::tables::Intent;
use crate::{tables, transaction};

/// How many intents are read at once.
const BATCH: u64 = 100;

/// What [`recover`] found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// Saves whose events were moved to the outbox.
    pub moved: u64,
    /// Announced saves that never happened.
    pub dropped: u64,
    /// Saves that may still be on their way, or whose model this program does not have.
    pub left: u64,
    /// Saves that could not be looked after now; each was reported through `tracing`.
    pub failed: u64,
}

/// Moves the events of saves on a bare pool whose saver died before it could; run it when the program starts
/// and every minute or so. Saves in a transaction never need it.
///
/// It may run in several processes at once and beside savers. All entities with `FollowActions` that are linked
/// into this program are looked after.
///
/// # Errors
/// The database's own, when the intents cannot be read.
pub async fn recover(db: &DatabaseConnection) -> Result<Recovered, DbErr> {
    let mut found = Recovered::default();
    let mut after = None;
    loop {
        let intents = tables::intents(db, after, BATCH).await?;
        let Some((last, _)) = intents.last() else {
            return Ok(found);
        };
        after = Some(*last);
        for (id, intent) in intents {
            let outcome = match intent {
                Ok(intent) => look_after(db, &intent).await,
                Err(error) => Err(error),
            };
            found.count(outcome, id);
        }
    }
}

impl Recovered {
    fn count(&mut self, outcome: Result<Outcome, DbErr>, intent: Uuid) {
        match outcome {
            Ok(Outcome::Moved) => self.moved += 1,
            Ok(Outcome::Dropped) => self.dropped += 1,
            Ok(Outcome::Left) => self.left += 1,
            Err(error) => {
                self.failed += 1;
                tracing::error!(%intent, %error, "a save was not recovered");
            }
        }
    }
}

async fn look_after(db: &DatabaseConnection, intent: &Intent) -> Result<Outcome, DbErr> {
    let entries = inventory::iter::<FollowedEntry>;
    match entries.into_iter().find(|entry| entry.name == intent.model) {
        Some(entry) => (entry.recover)(db, intent).await,
        None => Ok(Outcome::Left),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Moved,
    Dropped,
    Left,
}

type RecoverFn =
    for<'a> fn(&'a DatabaseConnection, &'a Intent) -> BoxFuture<'a, Result<Outcome, DbErr>>;

/// An entity known to [`recover`]; submitted by the derive.
pub struct FollowedEntry {
    name: &'static str,
    recover: RecoverFn,
}

inventory::collect!(FollowedEntry);

impl FollowedEntry {
    /// The entry of an entity.
    #[doc(hidden)]
    pub const fn of<E: Follow>() -> Self {
        Self {
            name: E::NAME,
            recover: |db, intent| Box::pin(recover_one::<E>(db, intent)),
        }
    }
}

async fn recover_one<E: Follow>(
    db: &DatabaseConnection,
    intent: &Intent,
) -> Result<Outcome, DbErr> {
    let own = db.begin_with_options(options(db)).await?;
    let outcome = in_transaction::<E>(&own, intent).await?;
    own.commit().await?;
    if outcome == Outcome::Moved {
        celerysalt::outbox::wake();
    }
    Ok(outcome)
}

/// SQLite's write lock comes first. On MySQL each read is to see what is committed by then, and not what was when the
/// first one ran.
fn options(db: &DatabaseConnection) -> TransactionOptions {
    let is_mysql = db.get_database_backend() == DbBackend::MySql;
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        isolation_level: is_mysql.then_some(IsolationLevel::ReadCommitted),
        ..TransactionOptions::default()
    }
}

async fn in_transaction<E: Follow>(
    db: &DatabaseTransaction,
    intent: &Intent,
) -> Result<Outcome, DbErr> {
    let found = find::<E>(db, intent).await?;
    let moment = Moment::current();
    // Read again under the row's lock: its saver may have come to an end meanwhile.
    let Some(intent) = tables::intent(db, intent.id).await? else {
        return Ok(Outcome::Left);
    };
    let is_stale = note::is_stale(intent.id, moment.now);
    match found {
        // A claim to delete: its delete may wait for a lock.
        Some(_) if intent.operation == "delete" && !is_stale => Ok(Outcome::Left),
        Some(old) if carries(&intent, E::rules(&old))? => {
            settle::<E>(db, old, &intent, &moment).await
        }
        None if intent.kept.is_some() => gone(db, &intent, &moment).await,
        _ if is_stale => {
            tables::delete_intents(db, &[intent.id]).await?;
            Ok(Outcome::Dropped)
        }
        _ => Ok(Outcome::Left),
    }
}

fn carries(intent: &Intent, rules: &CoreRules) -> Result<bool, DbErr> {
    Ok(note::of(rules)?.take_out(intent.id))
}

/// The row of an intent, locked: by its key, or by the note when the database made the key.
async fn find<E: Follow>(
    db: &DatabaseTransaction,
    intent: &Intent,
) -> Result<Option<E::Model>, DbErr> {
    let key = match intent.row_key.as_ref().and_then(Key::<E>::from_json) {
        Some(key) => Some(key),
        None => noted::<E>(db, intent).await?,
    };
    let Some(key) = key else {
        return Ok(None);
    };
    let select = E::find().filter(key.condition());
    row::locked::<E, _>(db, select, LockType::Update, Lock::Held).await
}

/// The key of the row that carries an intent's note. It is looked for without locks: MySQL would lock each row that it
/// looks at.
async fn noted<E: Follow>(
    db: &DatabaseTransaction,
    intent: &Intent,
) -> Result<Option<Key<E>>, DbErr> {
    let text = match db.get_database_backend() {
        DbBackend::MySql => "char",
        _ => "text",
    };
    let rules = Expr::col(E::followed().rules.as_column_ref());
    let noted = rules.cast_as(text).like(format!("%{}%", intent.id));
    // The newest keys first: that is where the row is, if it is there.
    let keys = E::followed().keys.iter();
    let select = keys.fold(E::find().filter(noted), |select, key| {
        select.order_by_desc(*key)
    });
    let found = select.one(db).await?;
    Ok(found.as_ref().map(Key::of_model))
}

/// The row carries the intent's note.
async fn settle<E: Follow>(
    db: &DatabaseTransaction,
    old: E::Model,
    intent: &Intent,
    moment: &Moment,
) -> Result<Outcome, DbErr> {
    let mut plan = plan::settle::<E>(&old, moment)?;
    if let Some(rules) = plan.rules.take() {
        let mut write = old.into_active_model();
        *E::active_rules_mut(&mut write) = ActiveValue::Set(rules.into());
        E::update(write).exec_without_returning(db).await?;
    }
    transaction::keep(db, &plan, moment).await?;
    Ok(match intent.operation {
        "delete" => Outcome::Dropped,
        _ => Outcome::Moved,
    })
}

/// The row is gone, and its delete was announced.
async fn gone(
    db: &DatabaseTransaction,
    intent: &Intent,
    moment: &Moment,
) -> Result<Outcome, DbErr> {
    let kept = intent.kept.clone().unwrap_or_default();
    if kept.is_empty() && note::claim_stands(intent.id, moment.now) {
        // The deleter may be alive, and is to find that there is nothing to tell.
        return Ok(Outcome::Left);
    }
    kept.insert(db, moment.now).await?;
    tables::delete_intents(db, &[intent.id]).await?;
    Ok(match kept.is_empty() {
        true => Outcome::Dropped,
        false => Outcome::Moved,
    })
}
