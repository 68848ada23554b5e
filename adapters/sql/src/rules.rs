//! The table of rules.

use async_trait::async_trait;
use celerysalt::json::keep_digits;
use celerysalt::rule_table::{
    RuleList, RuleStore, RuleStoreError, RuleVersion, RuleWrite, VersionConflict,
};
use chrono::SubsecRound;
use serde_json::Value;

use crate::error::rules as store;
#[cfg(feature = "postgres")]
use crate::postgres::listen::Listener;
use crate::retry::retrying;
use crate::session::{Bind, Columns, Kind, Pool, Row, Session, need};

/// Keeps the rules of a [`RuleTable`](celerysalt::rule_table::RuleTable) in a database. Clones share the connections.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "postgres")] {
/// use celerysalt::rule_table::RuleTable;
/// use celerysalt_sql::SqlRules;
///
/// let table = RuleTable::new(std::sync::Arc::new(SqlRules::postgres(pool)));
/// table.load().await?; // saves see its rules from here on
/// # }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SqlRules {
    pool: Pool,
    #[cfg(feature = "postgres")]
    listener: Option<std::sync::Arc<Listener>>,
}

impl SqlRules {
    /// In a PostgreSQL database. Watchers are told of changes by `LISTEN`, on a connection of its own.
    #[cfg(feature = "postgres")]
    pub fn postgres(pool: sqlx::PgPool) -> Self {
        let listener = std::sync::Arc::new(Listener::new(&pool, "celerysalt_rules"));
        Self {
            listener: Some(listener),
            pool: Pool::Postgres(pool),
        }
    }

    /// In a MySQL or MariaDB database. Watchers ask for changes.
    #[cfg(feature = "mysql")]
    pub fn mysql(pool: sqlx::MySqlPool) -> Self {
        Self::that_is_asked(Pool::Mysql(pool))
    }

    /// In a SQLite database. Watchers ask for changes.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(pool: sqlx::SqlitePool) -> Self {
        Self::that_is_asked(Pool::Sqlite(pool))
    }

    #[cfg(any(feature = "mysql", feature = "sqlite"))]
    fn that_is_asked(pool: Pool) -> Self {
        Self {
            pool,
            #[cfg(feature = "postgres")]
            listener: None,
        }
    }
}

#[async_trait]
impl RuleStore for SqlRules {
    async fn write(&self, write: &RuleWrite) -> Result<Option<RuleVersion>, RuleStoreError> {
        retrying(|| async {
            let mut tx = self.pool.begin().await.map_err(store)?;
            let written = next_version(&mut tx.session(), write).await?;
            if written.is_some() {
                tx.commit().await.map_err(store)?;
            }
            Ok(written)
        })
        .await
    }

    async fn list(&self, model: Option<&str>) -> Result<RuleList, RuleStoreError> {
        let mut connection = self.pool.acquire().await.map_err(store)?;
        let mut session = connection.session();
        let revision = revision(&mut session).await?;
        let only = if model.is_some() { "AND model = ?" } else { "" };
        let sql = format!(
            "{} AS r WHERE document IS NOT NULL {only} AND version = (
                 SELECT max(n.version) FROM celerysalt_rules AS n
                 WHERE n.model = r.model AND n.rule_id = r.rule_id)",
            select(session.kind())
        );
        let binds = model.map(|model| Bind::Text(Some(model.to_owned())));
        let rows = session.rows(&sql, binds.into_iter().collect()).await;
        let rules = versions(&rows.map_err(store)?)?;
        Ok(RuleList { revision, rules })
    }

    async fn versions(
        &self,
        model: &str,
        rule_id: &str,
    ) -> Result<Vec<RuleVersion>, RuleStoreError> {
        let kind = self.pool.kind();
        let sql = format!(
            "{} WHERE model = ? AND rule_id = ? ORDER BY version",
            select(kind)
        );
        let mut connection = self.pool.acquire().await.map_err(store)?;
        let rows = connection.session().rows(&sql, names(model, rule_id)).await;
        versions(&rows.map_err(store)?)
    }

    async fn revision(&self) -> Result<u64, RuleStoreError> {
        let mut connection = self.pool.acquire().await.map_err(store)?;
        revision(&mut connection.session()).await
    }

    #[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
    async fn changed(&self, since: u64) -> Result<(), RuleStoreError> {
        #[cfg(feature = "postgres")]
        if let Some(listener) = &self.listener {
            if self.revision().await? == since {
                listener.changed().await;
            }
            return Ok(());
        }
        std::future::pending().await
    }
}

/// Writes the next version, under the lock of the table's revision.
async fn next_version(
    session: &mut Session<'_>,
    write: &RuleWrite,
) -> Result<Option<RuleVersion>, RuleStoreError> {
    const ADVANCE: &str =
        "UPDATE celerysalt_rules_revision SET revision = revision + 1 WHERE id = 1";
    const LAST: &str = "
        SELECT version, document IS NOT NULL AS present FROM celerysalt_rules
        WHERE model = ? AND rule_id = ? ORDER BY version DESC LIMIT 1";
    session.execute(ADVANCE, Vec::new()).await.map_err(store)?;
    let revision = revision(session).await?;
    let last = session.row(LAST, names(&write.model, &write.rule_id)).await;
    let (found, is_there) = match last.map_err(store)? {
        Some(last) => (
            number(&last, "version")?,
            last.flag("present").map_err(store)?,
        ),
        None => (0, false),
    };
    if let Some(expected) = write.expected.filter(|expected| *expected != found) {
        return Err(RuleStoreError::Conflict(VersionConflict {
            model: write.model.clone(),
            rule_id: write.rule_id.clone(),
            expected,
            found,
        }));
    }
    if write.document.is_none() && !is_there {
        return Ok(None);
    }
    let version = RuleVersion {
        model: write.model.clone(),
        rule_id: write.rule_id.clone(),
        version: found + 1,
        document: write.document.clone(),
        revision,
        actor: write.actor.clone(),
        // As it comes back: no database keeps more than microseconds.
        at: write.at.trunc_subsecs(6),
    };
    insert(session, &version).await.map_err(store)?;
    Ok(Some(version))
}

async fn insert(session: &mut Session<'_>, version: &RuleVersion) -> sqlx::Result<()> {
    let document = match session.kind() {
        Kind::Postgres => "?::json",
        _ => "?",
    };
    let sql = format!(
        "INSERT INTO celerysalt_rules (model, rule_id, version, document, revision, actor, at)
         VALUES (?, ?, ?, {document}, ?, ?, ?)"
    );
    let mut binds = names(&version.model, &version.rule_id);
    binds.extend([
        Bind::Number(signed(version.version)),
        Bind::Text(version.document.as_ref().map(Value::to_string)),
        Bind::Number(signed(version.revision)),
        Bind::Text(version.actor.clone()),
        Bind::Instant(Some(version.at)),
    ]);
    session.execute(&sql, binds).await?;
    Ok(())
}

/// The revision; under its lock in a transaction that has advanced it.
async fn revision(session: &mut Session<'_>) -> Result<u64, RuleStoreError> {
    const REVISION: &str = "SELECT revision FROM celerysalt_rules_revision WHERE id = 1";
    let row = session.row(REVISION, Vec::new()).await.map_err(store)?;
    // The row comes with the table.
    number(&row.ok_or(RuleStoreError::NotMigrated)?, "revision")
}

/// The columns of versions, with documents as the text that they are and names as text.
fn select(kind: Kind) -> &'static str {
    match kind {
        Kind::Mysql => {
            "SELECT CONVERT(model USING utf8mb4) AS model, CONVERT(rule_id USING utf8mb4) AS rule_id, version,
                    document, revision, actor, at FROM celerysalt_rules"
        }
        Kind::Postgres => {
            "SELECT model, rule_id, version, document::text AS document, revision, actor, at FROM celerysalt_rules"
        }
        Kind::Sqlite => {
            "SELECT model, rule_id, version, document, revision, actor, at FROM celerysalt_rules"
        }
    }
}

fn names(model: &str, rule_id: &str) -> Vec<Bind> {
    [model, rule_id]
        .map(|name| Bind::Text(Some(name.to_owned())))
        .into()
}

fn versions(rows: &[Row]) -> Result<Vec<RuleVersion>, RuleStoreError> {
    rows.iter().map(|row| version(row).map_err(store)).collect()
}

fn version(row: &Row) -> sqlx::Result<RuleVersion> {
    let text = |column: &str| need(column, row.text(column)?);
    let count =
        |column: &str| -> sqlx::Result<u64> { Ok(unsigned(need(column, row.number(column)?)?)) };
    Ok(RuleVersion {
        model: text("model")?,
        rule_id: text("rule_id")?,
        version: count("version")?,
        document: row.text("document")?.map(document),
        revision: count("revision")?,
        actor: row.text("actor")?,
        at: need("at", row.instant("at")?)?,
    })
}

/// What a hand has edited is told as it stands there.
fn document(text: String) -> Value {
    serde_json::from_str(&keep_digits(&text)).unwrap_or(Value::String(text))
}

fn number(row: &Row, column: &str) -> Result<u64, RuleStoreError> {
    let number = row.number(column).and_then(|number| need(column, number));
    number.map(unsigned).map_err(store)
}

/// Versions and revisions count up from nothing, so every database keeps them in a signed column.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
