//! What the cases of `routes.rs` need of a database.

mod mysql;
mod postgres;
mod sqlite;

use celerysalt_migrations::Dialect;
use sea_orm::DatabaseConnection;
use sqlx::migrate::Migrator;

pub(crate) trait Subject: Sized {
    const DIALECT: Dialect;
    /// An instant as this dialect writes it.
    const INSTANT: &str;

    /// An empty database.
    async fn empty() -> Self;
    /// Runs a script.
    async fn run(&self, sql: &str);
    /// The database's own description of all that is ours, the histories of migrators aside.
    async fn schema(&self) -> Vec<String>;
    async fn count(&self, table: &str) -> i64;
    /// `run` of a sqlx migrator.
    async fn migrate(&self, migrator: &Migrator);
    /// `undo` of a sqlx migrator.
    async fn undo(&self, migrator: &Migrator, target: i64);
    fn sea_orm(&self) -> DatabaseConnection;
    /// All pending migrations of Diesel's, and of another source beside them; returns how many were run.
    fn diesel_up(&self) -> usize;
    /// Reverts both sources.
    fn diesel_down(&self);
    async fn close(self);
}

/// The parts that differ by nothing but the types of the drivers.
macro_rules! same_for_every_driver {
    ($fresh:ident, $run:path, $diesel:ty, $sea_orm:path) => {
        async fn empty() -> Self {
            $fresh::empty().await
        }

        async fn run(&self, sql: &str) {
            $run(&self.pool, sql.to_owned()).await;
        }

        async fn count(&self, table: &str) -> i64 {
            let sql = format!("SELECT count(*) FROM {table}");
            let count = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
            count.fetch_one(&self.pool).await.unwrap()
        }

        async fn migrate(&self, migrator: &sqlx::migrate::Migrator) {
            migrator.run(&self.pool).await.unwrap();
        }

        async fn undo(&self, migrator: &sqlx::migrate::Migrator, target: i64) {
            migrator.undo(&self.pool, target).await.unwrap();
        }

        fn sea_orm(&self) -> sea_orm::DatabaseConnection {
            $sea_orm(self.pool.clone())
        }

        fn diesel_up(&self) -> usize {
            use diesel::Connection;
            use diesel_migrations::MigrationHarness;
            let mut db = <$diesel>::establish(&self.url).unwrap();
            let ours = celerysalt_migrations::diesel::source(Self::DIALECT);
            let run = db.run_pending_migrations(ours.and(crate::OwnOfDiesel));
            run.unwrap().len()
        }

        fn diesel_down(&self) {
            use diesel::Connection;
            use diesel_migrations::MigrationHarness;
            let mut db = <$diesel>::establish(&self.url).unwrap();
            let ours = celerysalt_migrations::diesel::source(Self::DIALECT);
            // The newest is the user's own, whatever was run last.
            let last = db.revert_last_migration(crate::OwnOfDiesel).unwrap();
            assert_eq!(last.to_string(), "20260101000000");
            let reverted = db.revert_all_migrations(ours.and(crate::OwnOfDiesel));
            assert_eq!(reverted.unwrap().len(), crate::STEPS);
        }

        async fn close(self) {
            $fresh::close(self).await;
        }
    };
}
use same_for_every_driver;
