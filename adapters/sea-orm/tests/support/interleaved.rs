//! A connection beside which something else happens at a chosen statement.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::BoxFuture;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};

type Something<'d> = Box<dyn Fn() -> BoxFuture<'d, ()> + Send + Sync + 'd>;

/// Waits before its `at`th statement until something else is done.
pub struct Interleaved<'d> {
    db: &'d DatabaseConnection,
    left: AtomicUsize,
    something: Something<'d>,
}

impl<'d> Interleaved<'d> {
    pub fn new<F>(db: &'d DatabaseConnection, at: usize, something: F) -> Self
    where
        F: Fn() -> BoxFuture<'d, ()> + Send + Sync + 'd,
    {
        Self {
            db,
            left: AtomicUsize::new(at),
            something: Box::new(something),
        }
    }

    /// Whether it happened.
    pub fn happened(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    async fn wait(&self) {
        let left = self.left.load(Ordering::SeqCst);
        self.left.store(left.saturating_sub(1), Ordering::SeqCst);
        if left == 1 {
            (self.something)().await;
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Interleaved<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }
    async fn execute_raw(&self, stmt: Statement) -> Result<ExecResult, DbErr> {
        self.wait().await;
        self.db.execute_raw(stmt).await
    }
    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.wait().await;
        self.db.execute_unprepared(sql).await
    }
    async fn query_one_raw(&self, stmt: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.wait().await;
        self.db.query_one_raw(stmt).await
    }
    async fn query_all_raw(&self, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.wait().await;
        self.db.query_all_raw(stmt).await
    }
}
