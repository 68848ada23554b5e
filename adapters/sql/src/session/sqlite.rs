//! What SQLite keeps: text, whatever it means.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Row, Sqlite};
use uuid::Uuid;

use super::Bind;
use super::row::{Columns, fault};
use crate::sqlite::time;

pub(super) fn prepared(sql: &str, binds: Vec<Bind>) -> Prepared {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    binds.into_iter().fold(query, bind)
}

type Prepared = Query<'static, Sqlite, SqliteArguments>;

fn bind(query: Prepared, bind: Bind) -> Prepared {
    match bind {
        Bind::Flag(flag) => query.bind(flag),
        Bind::Number(number) => query.bind(number),
        Bind::Text(text) => query.bind(text),
        Bind::Id(id) => query.bind(id.map(|id| id.to_string())),
        Bind::Json(json) => query.bind(json.map(|json| json.to_string())),
        Bind::Instant(instant) => query.bind(instant.map(time::text)),
    }
}

impl Columns for SqliteRow {
    fn text(&self, column: &str) -> sqlx::Result<Option<String>> {
        self.try_get(column)
    }

    fn id(&self, column: &str) -> sqlx::Result<Option<Uuid>> {
        let id = self.text(column)?.map(|text| Uuid::parse_str(&text));
        id.transpose().map_err(|error| fault(column, error))
    }

    fn instant(&self, column: &str) -> sqlx::Result<Option<DateTime<Utc>>> {
        let instant = self.text(column)?.map(|text| time::parse(&text));
        instant.transpose().map_err(|error| fault(column, error))
    }

    fn json(&self, column: &str) -> sqlx::Result<Option<Value>> {
        let text = self.text(column)?;
        let json = text.map(|text| serde_json::from_str(&text));
        json.transpose().map_err(|error| fault(column, error))
    }

    fn number(&self, column: &str) -> sqlx::Result<Option<i64>> {
        self.try_get(column)
    }

    fn flag(&self, column: &str) -> sqlx::Result<bool> {
        Ok(self.number(column)?.is_some_and(|number| number != 0))
    }
}
