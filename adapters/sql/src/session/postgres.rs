//! What PostgreSQL keeps: types of its own for all of it.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, Row};
use uuid::Uuid;

use super::Bind;
use super::row::Columns;

pub(super) fn prepared(sql: &str, binds: Vec<Bind>) -> Prepared {
    let query = sqlx::query(AssertSqlSafe(numbered(sql)));
    binds.into_iter().fold(query, bind)
}

type Prepared = Query<'static, Postgres, PgArguments>;

/// `$1, $2` for `?, ?`. The statements of this crate have no other question marks.
fn numbered(sql: &str) -> String {
    let mut parts = sql.split('?');
    let mut numbered = parts.next().unwrap_or_default().to_owned();
    for (number, part) in (1..).zip(parts) {
        numbered.push_str(&format!("${number}{part}"));
    }
    numbered
}

fn bind(query: Prepared, bind: Bind) -> Prepared {
    match bind {
        Bind::Flag(flag) => query.bind(flag),
        Bind::Number(number) => query.bind(number),
        Bind::Text(text) => query.bind(text),
        Bind::Id(id) => query.bind(id),
        Bind::Json(json) => query.bind(json),
        Bind::Instant(instant) => query.bind(instant),
    }
}

impl Columns for PgRow {
    fn text(&self, column: &str) -> sqlx::Result<Option<String>> {
        self.try_get(column)
    }

    fn id(&self, column: &str) -> sqlx::Result<Option<Uuid>> {
        self.try_get(column)
    }

    fn instant(&self, column: &str) -> sqlx::Result<Option<DateTime<Utc>>> {
        self.try_get(column)
    }

    fn json(&self, column: &str) -> sqlx::Result<Option<Value>> {
        self.try_get(column)
    }

    fn number(&self, column: &str) -> sqlx::Result<Option<i64>> {
        let narrow = || self.try_get::<Option<i32>, _>(column);
        self.try_get(column)
            .or_else(|_| Ok(narrow()?.map(i64::from)))
    }

    fn flag(&self, column: &str) -> sqlx::Result<bool> {
        Ok(self.try_get::<Option<bool>, _>(column)? == Some(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_its_parameters() {
        assert_eq!(
            numbered("a = ? AND b IN (?, ?)"),
            "a = $1 AND b IN ($2, $3)"
        );
        assert_eq!(numbered("SELECT 1"), "SELECT 1");
    }
}
