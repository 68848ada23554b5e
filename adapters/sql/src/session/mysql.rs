//! What MySQL and MariaDB keep: ids and JSON as text, instants as UTC without a zone.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::Value;
use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, MySql, Row};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::Bind;
use super::row::{Columns, fault};

pub(super) fn prepared(sql: &str, binds: Vec<Bind>) -> Prepared {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    binds.into_iter().fold(query, bind)
}

type Prepared = Query<'static, MySql, MySqlArguments>;

fn bind(query: Prepared, bind: Bind) -> Prepared {
    match bind {
        Bind::Flag(flag) => query.bind(flag),
        Bind::Number(number) => query.bind(number),
        Bind::Text(text) => query.bind(text),
        Bind::Id(id) => query.bind(id.map(Uuid::hyphenated)),
        Bind::Json(json) => query.bind(json.map(|json| json.to_string())),
        // Without a zone: the session's must not matter.
        Bind::Instant(instant) => query.bind(instant.map(|instant| instant.naive_utc())),
    }
}

impl Columns for MySqlRow {
    fn text(&self, column: &str) -> sqlx::Result<Option<String>> {
        self.try_get(column)
    }

    fn id(&self, column: &str) -> sqlx::Result<Option<Uuid>> {
        let id: Option<Hyphenated> = self.try_get(column)?;
        Ok(id.map(Uuid::from))
    }

    fn instant(&self, column: &str) -> sqlx::Result<Option<DateTime<Utc>>> {
        let instant: Option<NaiveDateTime> = self.try_get(column)?;
        Ok(instant.map(|instant| instant.and_utc()))
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
