//! The columns of a table, as the database's own catalog has them.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};

/// Columns by name. Empty when there is no such table.
pub(super) type Columns = HashMap<String, Column>;

pub(super) struct Column {
    /// As the database writes it, in lower case.
    pub(super) ty: String,
    pub(super) is_nullable: bool,
}

/// Reads the columns of a table, in a schema or where the connection looks first.
pub(super) async fn read(
    db: &impl ConnectionTrait,
    schema: Option<&str>,
    table: &str,
) -> Result<Columns, DbErr> {
    let backend = db.get_database_backend();
    let statement = match backend {
        DbBackend::Postgres => {
            let name = schema.into_iter().chain([table]).map(quoted);
            let name = name.collect::<Vec<_>>().join(".");
            Statement::from_sql_and_values(backend, POSTGRES, [Value::from(name)])
        }
        DbBackend::MySql => {
            Statement::from_sql_and_values(backend, MYSQL, [table.into(), schema.into()])
        }
        _ => {
            let schema = schema.unwrap_or("main");
            Statement::from_sql_and_values(backend, SQLITE, [table.into(), schema.into()])
        }
    };
    let rows = db.query_all_raw(statement).await?;
    let read = |row: &sea_orm::QueryResult| {
        let nullable: String = row.try_get("", "nullable")?;
        let ty: String = row.try_get("", "type")?;
        let column = Column {
            ty: ty.to_lowercase(),
            is_nullable: nullable == "YES",
        };
        Ok((row.try_get("", "name")?, column))
    };
    rows.iter().map(read).collect()
}

/// `to_regclass` looks where the search path says.
const POSTGRES: &str = "
    SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type,
           CASE WHEN attnotnull THEN 'NO' ELSE 'YES' END AS nullable
    FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped";

const MYSQL: &str = "
    SELECT CAST(column_name AS char) AS name, CAST(column_type AS char) AS type, CAST(is_nullable AS char) AS nullable
    FROM information_schema.columns WHERE table_name = ? AND table_schema = COALESCE(?, DATABASE())";

const SQLITE: &str = r#"
    SELECT name, type, CASE WHEN "notnull" THEN 'NO' ELSE 'YES' END AS nullable FROM pragma_table_info(?, ?)"#;

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
