//! A saver: makes, moves and deletes orders that other savers make, move and delete at the same time.

use std::time::{Duration, Instant};

use celerysalt_sea_orm::FollowSave as _;
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, ModelTrait, TransactionTrait,
};

use super::PAUSE;
use super::journal::Journal;
use super::order::{self, ActiveModel, Entity, Model, STATUSES};
use super::outcome::Outcome;

/// Few enough that savers meet, enough that a relay that was killed holds up a part only.
const ORDERS: i64 = 100;

/// As the guide asks: when the program starts, and once a minute.
const RECOVER_EVERY: Duration = Duration::from_secs(60);

/// Saves until the process dies, and writes down how each attempt ended.
pub async fn run(db: &DatabaseConnection, journal: &Journal) {
    let mut recovered: Option<Instant> = None;
    loop {
        let outcome = if recovered.is_none_or(|at| at.elapsed() > RECOVER_EVERY) {
            let found = celerysalt_sea_orm::recover(db).await;
            recovered = found.is_ok().then(Instant::now);
            found.err().map(Outcome::from)
        } else {
            Some(attempt(db).await.unwrap_or_else(Outcome::from))
        };
        let Some(outcome) = outcome else { continue };
        journal.append([outcome.to_string().as_str()]).unwrap();
        if outcome == Outcome::Unreachable {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// One save or a few, by a way that is drawn.
async fn attempt(db: &DatabaseConnection) -> Result<Outcome, DbErr> {
    match rand::random_range(0..10) {
        0..3 => follow(db, Change::draw(db).await?).await?,
        3..6 => on_the_pool(db, Change::draw(db).await?).await?,
        _ => return in_transaction(db).await,
    }
    Ok(Outcome::Committed)
}

/// Plain saves without a transaction, but for deletes: there those promise less than all other saves (docs/saves.md).
async fn on_the_pool(db: &DatabaseConnection, change: Change) -> Result<(), DbErr> {
    match change {
        delete @ Change::Delete(_) => follow(db, delete).await,
        other => plain(db, other).await,
    }
}

/// One change or two in a transaction of the saver's own, which may be rolled back in the end.
async fn in_transaction(db: &DatabaseConnection) -> Result<Outcome, DbErr> {
    let txn = db.begin().await?;
    for _ in 0..rand::random_range(1..=2) {
        let change = Change::draw(db).await?;
        match rand::random_range(0..3) {
            0 => plain(&txn, change).await?,
            1 => follow(&txn, change).await?,
            _ => in_savepoint(&txn, change).await?,
        }
    }
    if rand::random_range(0..5) == 0 {
        txn.rollback().await?;
        return Ok(Outcome::RolledBack);
    }
    txn.commit().await?;
    Ok(Outcome::Committed)
}

/// A change of which a part of the transaction may be rolled back alone.
async fn in_savepoint(txn: &DatabaseTransaction, change: Change) -> Result<(), DbErr> {
    let savepoint = txn.begin().await?;
    follow(&savepoint, change).await?;
    if rand::random_bool(0.5) {
        savepoint.rollback().await
    } else {
        savepoint.commit().await
    }
}

/// What a save does, by what the saver saw of the order a moment ago.
enum Change {
    Insert(ActiveModel),
    Update(ActiveModel),
    Delete(Model),
}

impl Change {
    async fn draw(db: &DatabaseConnection) -> Result<Self, DbErr> {
        let id = rand::random_range(0..ORDERS);
        Ok(match Entity::find_by_id(id).one(db).await? {
            None => Self::Insert(order::made(id, revision())),
            Some(order) if rand::random_range(0..20) == 0 => Self::Delete(order),
            Some(order) => Self::Update(update(order)),
        })
    }
}

/// Mostly another status; sometimes the same one, sometimes with a ticket for a status.
fn update(order: Model) -> ActiveModel {
    let mut rules = order.on_change_rules.clone();
    let mut update = order.into_active_model();
    update.status = Set(drawn_status());
    update.revision = Set(revision());
    if rand::random_range(0..10) == 0 {
        let ticket = order::ticket(&drawn_status());
        rules.push(order::ticket_rule(&ticket));
        update.ticket = Set(Some(ticket));
        update.on_change_rules = Set(rules);
    }
    update
}

fn drawn_status() -> String {
    STATUSES[rand::random_range(0..STATUSES.len())].to_owned()
}

/// A number that no other save has, small enough for every reader of JSON.
fn revision() -> i64 {
    rand::random_range(0..1 << 53)
}

async fn follow<C: ConnectionTrait + TransactionTrait>(
    db: &C,
    change: Change,
) -> Result<(), DbErr> {
    match change {
        Change::Insert(order) => order.insert_and_follow(db).await.map(drop),
        Change::Update(order) => order.update_and_follow(db).await.map(drop),
        Change::Delete(order) => {
            let order = order.into_active_model();
            order.delete_and_follow(db).await.map(drop)
        }
    }
}

async fn plain<C: ConnectionTrait>(db: &C, change: Change) -> Result<(), DbErr> {
    match change {
        Change::Insert(order) => order.insert(db).await.map(drop),
        Change::Update(order) => order.update(db).await.map(drop),
        Change::Delete(order) => order.delete(db).await.map(drop),
    }
}
