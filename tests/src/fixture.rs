//! What an adapter is to do for the kit: save orders its own way. To add an adapter, implement [`Fixture`] and name it in
//! [`adapters::ALL`](crate::adapters::ALL).

use async_trait::async_trait;
use celerysalt::inbox::{Once, Receipt};
use uuid::Uuid;

use crate::order::{Change, Order};

/// An adapter at work on a database of its own.
///
/// Used by many at once. Futures stay on the thread that polls them, and may block it.
#[async_trait(?Send)]
pub trait Fixture: Send + Sync {
    /// One step by itself, without a transaction of the caller's.
    async fn save(&self, step: Step) -> Result<(), Failure>;

    /// These steps in one transaction of the caller's, which ends so; rolled back at the first step that fails.
    async fn transaction(&self, steps: Vec<Step>, end: End) -> Result<(), Failure>;

    /// A delivery to a handler that takes effect once and does these steps; it fails at the first step that does.
    async fn once(&self, receipt: &Receipt, steps: Vec<Step>) -> Result<Once<()>, Failure> {
        panic!("no inbox, for {receipt} that does {steps:?}")
    }

    /// The check at start: what it finds wrong with the tables, as the adapter tells it.
    async fn check(&self) -> Result<(), String> {
        panic!("no check at start")
    }

    /// The row, as a caller loads it.
    async fn load(&self, id: Uuid) -> Option<Order>;

    /// Closes every connection, and waits for those that are still busy.
    async fn close(&self);

    /// Makes good what dead processes left; for adapters whose saves need that.
    async fn recover(&self) {}

    /// Whether its saves block their thread, so that they can be cut only by unwinding.
    fn is_blocking(&self) -> bool {
        false
    }
}

/// How many rows a bulk save takes at a time: few, so that the cases need several chunks.
pub const CHUNK: usize = 3;

/// Something that is done with an order.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)] // a case has a handful of them
pub enum Step {
    /// Inserts it.
    Insert(Order),
    /// Writes some columns of its row, by one who remembers the row so.
    Update(Order, Change),
    /// Deletes its row, by one who remembers the row so.
    Delete(Order),
    /// Writes some columns of all these rows in one bulk save, [`CHUNK`] rows at a time.
    UpdateMany(Vec<Uuid>, Change),
    /// Deletes all these rows in one bulk save, [`CHUNK`] rows at a time.
    DeleteMany(Vec<Uuid>),
    /// In a transaction: these steps in a savepoint, which ends so; rolled back at the first step that fails.
    Savepoint(Vec<Step>, End),
    /// In a transaction: a step that fails, after which the caller goes on.
    Caught(Box<Step>),
}

/// How a transaction or a savepoint ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is committed (a savepoint: released).
    Commit,
    /// It is rolled back.
    Rollback,
}

/// Why a step failed, in words of no adapter.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The library refused the save before it wrote anything.
    #[error("refused: {0}")]
    Refused(String),
    /// The row is not there.
    #[error("the row is not there")]
    NotFound,
    /// The database's own error.
    #[error("database: {0}")]
    Database(String),
}

/// What a case asks of an adapter beyond saving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Need {
    /// A transaction of the caller's around several saves.
    Transaction,
    /// The old row is read from the database under a lock.
    LockedRow,
    /// A transaction that goes on after a failed save without a savepoint of the caller's.
    GoesOnAfterFailure,
    /// A save that fires sends one statement more than one that does not.
    OneInsert,
    /// Saves of many rows at once.
    Bulk,
    /// Handlers that take effect once.
    Inbox,
    /// The history of saves.
    History,
    /// A check at start whether the tables fit.
    Check,
    /// A rule that does not fire costs no statement.
    FreeRules,
}

impl Step {
    /// The same as done by [`Fixture::transaction`] alone.
    pub fn caught(self) -> Self {
        Self::Caught(Box::new(self))
    }
}
