//! A connection that is lost at a chosen statement.

use std::sync::atomic::{AtomicUsize, Ordering};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    Statement,
};

/// Runs so many statements, then none: what a killed process looks like from the database.
pub struct Failing<'d> {
    db: &'d DatabaseConnection,
    left: AtomicUsize,
    /// Whether the last statement reaches the database before the connection is lost.
    last_arrives: bool,
}

impl<'d> Failing<'d> {
    pub fn new(db: &'d DatabaseConnection, statements: usize, last_arrives: bool) -> Self {
        Self {
            db,
            left: AtomicUsize::new(statements),
            last_arrives,
        }
    }

    /// Whether the connection was never lost.
    pub fn is_alive(&self) -> bool {
        self.left.load(Ordering::SeqCst) > 0
    }

    fn take(&self) -> Turn {
        let before = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                Some(left.saturating_sub(1))
            });
        match before.unwrap_or_default() {
            0 => Turn::Lost,
            1 if self.last_arrives => Turn::ArrivesAndLost,
            1 => Turn::Lost,
            _ => Turn::Runs,
        }
    }
}

#[derive(PartialEq)]
enum Turn {
    Runs,
    ArrivesAndLost,
    Lost,
}

fn lost() -> DbErr {
    DbErr::Conn(RuntimeErr::Internal("the connection is lost".to_owned()))
}

macro_rules! turn {
    ($self:ident, $run:expr) => {
        match $self.take() {
            Turn::Runs => $run.await,
            Turn::ArrivesAndLost => {
                let _ = $run.await;
                Err(lost())
            }
            Turn::Lost => Err(lost()),
        }
    };
}

#[async_trait::async_trait]
impl ConnectionTrait for Failing<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }
    async fn execute_raw(&self, stmt: Statement) -> Result<ExecResult, DbErr> {
        turn!(self, self.db.execute_raw(stmt))
    }
    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        turn!(self, self.db.execute_unprepared(sql))
    }
    async fn query_one_raw(&self, stmt: Statement) -> Result<Option<QueryResult>, DbErr> {
        turn!(self, self.db.query_one_raw(stmt))
    }
    async fn query_all_raw(&self, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        turn!(self, self.db.query_all_raw(stmt))
    }
}
