use celerysalt_migrations::Dialect;
use sea_orm::SqlxPostgresConnector;

use super::{Subject, same_for_every_driver};
use crate::databases::postgres::{Postgres, run};

impl Subject for Postgres {
    const DIALECT: Dialect = Dialect::Postgres;
    const INSTANT: &str = "2026-01-01T00:00:00.000000Z";

    same_for_every_driver!(
        Postgres,
        run,
        diesel::PgConnection,
        SqlxPostgresConnector::from_sqlx_postgres_pool
    );

    async fn schema(&self) -> Vec<String> {
        sqlx::query_scalar(
            "WITH ours AS (
                 SELECT oid, relname, reloptions FROM pg_class WHERE relkind = 'r'
                 AND relname LIKE 'celerysalt%' AND relname <> 'celerysalt_migrations')
             SELECT concat_ws(' ', relname, reloptions::text) FROM ours
             UNION ALL SELECT concat_ws(' ', table_name, column_name, ordinal_position, data_type,
                                        is_nullable, column_default, is_identity)
                 FROM information_schema.columns JOIN ours ON relname = table_name
             UNION ALL SELECT indexdef FROM pg_indexes JOIN ours ON relname = tablename
             UNION ALL SELECT relname || ' ' || pg_get_constraintdef(c.oid)
                 FROM pg_constraint c JOIN ours ON conrelid = ours.oid
             UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
             UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname LIKE 'celerysalt%'
             ORDER BY 1",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }
}
