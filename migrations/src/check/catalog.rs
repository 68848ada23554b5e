//! What is asked of a database's own catalog.

use crate::Dialect;

/// A column, as the catalog has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as the database writes it.
    pub ty: String,
    /// Whether it may be null.
    pub is_nullable: bool,
}

impl Column {
    /// Of the three columns of text that the answer to a [`Question`] has: `name`, `type`, and `nullable` (YES or NO).
    pub fn of(name: String, ty: &str, nullable: &str) -> Self {
        Self {
            name,
            ty: ty.to_lowercase(),
            is_nullable: nullable == "YES",
        }
    }
}

/// A question about the columns of one table. Its answer has no rows when there is no such table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    dialect: Dialect,
    parts: &'static [&'static str],
    values: Vec<Option<String>>,
}

impl Question {
    pub(super) fn of_table(dialect: Dialect, schema: Option<&str>, table: &str) -> Self {
        let apart = || vec![Some(table.to_owned()), schema.map(str::to_owned)];
        let (parts, values) = match dialect {
            Dialect::Postgres => (POSTGRES, vec![Some(quoted(schema, table))]),
            Dialect::Mysql => (MYSQL, apart()),
            Dialect::Sqlite => (SQLITE, apart()),
        };
        Self {
            dialect,
            parts,
            values,
        }
    }

    /// The SQL, with the dialect's placeholders for the [`values`](Self::values).
    pub fn sql(&self) -> String {
        let mut sql = String::new();
        for (at, part) in self.parts.iter().enumerate() {
            match self.dialect {
                _ if at == 0 => {}
                Dialect::Postgres => sql.push_str(&format!("${at}")),
                Dialect::Mysql | Dialect::Sqlite => sql.push('?'),
            }
            sql.push_str(part);
        }
        sql
    }

    /// The SQL in parts, between which the [`values`](Self::values) belong: one part more than there are values.
    pub fn parts(&self) -> &'static [&'static str] {
        self.parts
    }

    /// What is to be bound: text, or null.
    pub fn values(&self) -> &[Option<String>] {
        &self.values
    }
}

/// `to_regclass` looks where the search path says, unless the name has a schema.
const POSTGRES: &[&str] = &[
    "SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type, \
     CASE WHEN attnotnull THEN 'NO' ELSE 'YES' END AS nullable \
     FROM pg_attribute WHERE attrelid = to_regclass(",
    ") AND attnum > 0 AND NOT attisdropped",
];

const MYSQL: &[&str] = &[
    "SELECT CAST(column_name AS char) AS name, CAST(column_type AS char) AS type, CAST(is_nullable AS char) AS nullable \
     FROM information_schema.columns WHERE table_name = ",
    " AND table_schema = COALESCE(",
    ", DATABASE())",
];

/// `table_xinfo` has generated columns, too. Without a schema it looks where a query would.
const SQLITE: &[&str] = &[
    "SELECT name, type, CASE WHEN \"notnull\" THEN 'NO' ELSE 'YES' END AS nullable FROM pragma_table_xinfo(",
    ", ",
    ") WHERE hidden <> 1",
];

fn quoted(schema: Option<&str>, table: &str) -> String {
    let names = schema.into_iter().chain([table]);
    let names = names.map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
    names.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_has_its_placeholders_and_names() {
        let question = |dialect| Question::of_table(dialect, Some("sh\"op"), "orders");
        let postgres = question(Dialect::Postgres);
        assert!(
            postgres.sql().contains("to_regclass($1)"),
            "{}",
            postgres.sql()
        );
        assert_eq!(
            postgres.values(),
            [Some("\"sh\"\"op\".\"orders\"".to_owned())]
        );
        for dialect in [Dialect::Mysql, Dialect::Sqlite] {
            let question = question(dialect);
            assert_eq!(question.sql().matches('?').count(), 2, "{}", question.sql());
            assert_eq!(question.parts().len(), question.values().len() + 1);
        }
    }
}
