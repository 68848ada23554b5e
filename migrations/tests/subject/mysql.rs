use celerysalt_migrations::Dialect;
use sea_orm::SqlxMySqlConnector;

use super::{Subject, same_for_every_driver};
use crate::databases::mysql::{Mysql, run};

impl Subject for Mysql {
    const DIALECT: Dialect = Dialect::Mysql;
    const INSTANT: &str = "2026-01-01 00:00:00.000000";

    same_for_every_driver!(
        Mysql,
        run,
        diesel::MysqlConnection,
        SqlxMySqlConnector::from_sqlx_mysql_pool
    );

    async fn schema(&self) -> Vec<String> {
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = database()
             AND table_name LIKE 'celerysalt%' AND table_name <> 'celerysalt_migrations' ORDER BY 1",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap();
        let mut schema = Vec::new();
        for table in tables {
            let show = sqlx::AssertSqlSafe(format!("SHOW CREATE TABLE {table}"));
            let (_, sql): (String, String) =
                sqlx::query_as(show).fetch_one(&self.pool).await.unwrap();
            // The counter is data.
            let words = sql.split(' ').filter(|w| !w.starts_with("AUTO_INCREMENT="));
            schema.push(words.collect::<Vec<_>>().join(" "));
        }
        schema
    }
}
