use celerysalt_migrations::Dialect;
use sea_orm::SqlxSqliteConnector;

use super::{Subject, same_for_every_driver};
use crate::databases::sqlite::{Sqlite, run};

impl Subject for Sqlite {
    const DIALECT: Dialect = Dialect::Sqlite;
    const INSTANT: &str = "2026-01-01T00:00:00.000000Z";

    same_for_every_driver!(
        Sqlite,
        run,
        diesel::SqliteConnection,
        SqlxSqliteConnector::from_sqlx_sqlite_pool
    );

    async fn schema(&self) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT concat_ws(' ', name, sql) FROM sqlite_master
             WHERE tbl_name LIKE 'celerysalt%' AND tbl_name <> 'celerysalt_migrations' ORDER BY 1",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }
}
