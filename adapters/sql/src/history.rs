//! The history of models: [`Transition`]s in the table `celerysalt_transitions`.

use celerysalt::history::Transition;
use celerysalt::model::Operation;
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::error::{HistoryError, history};
use crate::insert::insert_new;
use crate::session::{Bind, Columns, Row, Session, need};

/// Rows a statement: less than SQLite's 32,766 parameters, twelve a row.
const CHUNK: usize = 1_000;

const INTO: &str = "celerysalt_transitions
    (id, model, aggregate, operation, field, old_value, new_value, rule_id, event_id, actor, at, correlation_id)";

/// Writes transitions on this connection, inside your transaction if it has one: one statement (for each 1,000), and
/// one whose id is there already is left as it is.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool, transitions: Vec<celerysalt::history::Transition>)
/// #     -> Result<(), Box<dyn std::error::Error>> {
/// let mut tx = pool.begin().await?;
/// sqlx::query("UPDATE orders SET status = 'paid' WHERE id = 7").execute(&mut *tx).await?;
/// # #[cfg(feature = "postgres")]
/// celerysalt_sql::history::append_in(&mut tx, &transitions).await?;
/// tx.commit().await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`HistoryError::NotMigrated`] without the table, [`HistoryError::Store`] for the database's own errors.
pub async fn append_in<'c>(
    connection: impl Into<Session<'c>>,
    transitions: &[Transition],
) -> Result<(), HistoryError> {
    let mut session = connection.into();
    for chunk in transitions.chunks(CHUNK) {
        insert_new(&mut session, INTO, chunk, |each| Ok(binds(each)), history).await?;
    }
    Ok(())
}

fn binds(transition: &Transition) -> Vec<Bind> {
    let value = |json: &Value| Some(json.clone()).filter(|json| !json.is_null());
    vec![
        Bind::Id(Some(transition.id)),
        Bind::Text(Some(transition.model.clone())),
        Bind::Text(Some(transition.aggregate.clone())),
        Bind::Text(Some(operation(transition.operation).to_owned())),
        Bind::Text(Some(transition.field.clone())),
        Bind::Json(value(&transition.old)),
        Bind::Json(value(&transition.new)),
        Bind::Text(transition.rule_id.clone()),
        Bind::Id(transition.event_id),
        Bind::Text(transition.actor.clone()),
        Bind::Instant(Some(transition.at)),
        Bind::Text(transition.correlation_id.clone()),
    ]
}

fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Insert => "insert",
        Operation::Update => "update",
        Operation::Delete => "delete",
    }
}

/// The history of one row, newest first: `of_row("order:0198…")`, the aggregate that its events carry.
///
/// ```no_run
/// # async fn example(pool: sqlx::SqlitePool) -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "sqlite")] {
/// let mut connection = pool.acquire().await?;
/// let newest = celerysalt_sql::history::of_row("order:7").limit(20);
/// let page = newest.read(&mut *connection).await?;
/// if let Some(last) = page.last() {
///     let older = celerysalt_sql::history::of_row("order:7").before(last);
///     older.read(&mut *connection).await?;
/// }
/// # }
/// # Ok(()) }
/// ```
pub fn of_row(aggregate: impl Into<String>) -> Transitions {
    Transitions::of("aggregate", aggregate.into())
}

/// The history of all rows of a model, newest first.
pub fn of_model(model: impl Into<String>) -> Transitions {
    Transitions::of("model", model.into())
}

/// A page of the history that is to be read: at most 100 transitions, unless [`limit`](Self::limit) says otherwise.
#[derive(Debug, Clone)]
#[must_use = "read it"]
pub struct Transitions {
    column: &'static str,
    name: String,
    before: Option<(DateTime<Utc>, Uuid)>,
    limit: u32,
}

impl Transitions {
    fn of(column: &'static str, name: String) -> Self {
        Self {
            column,
            name,
            before: None,
            limit: 100,
        }
    }

    /// Only what is older than this transition: the last one of the page before.
    pub fn before(self, transition: &Transition) -> Self {
        let before = Some((transition.at, transition.id));
        Self { before, ..self }
    }

    /// At most so many.
    pub fn limit(self, limit: u32) -> Self {
        Self { limit, ..self }
    }

    /// Reads it, newest first.
    ///
    /// # Errors
    /// [`HistoryError::NotMigrated`] without the table, [`HistoryError::Store`] for the database's own errors, and when
    /// a row holds what is no transition.
    pub async fn read<'c>(
        &self,
        connection: impl Into<Session<'c>>,
    ) -> Result<Vec<Transition>, HistoryError> {
        let mut binds = vec![Bind::Text(Some(self.name.clone()))];
        let mut older = "";
        if let Some((at, id)) = self.before {
            older = "AND at <= ? AND (at < ? OR id < ?)";
            let at = Bind::Instant(Some(at));
            binds.extend([at.clone(), at, Bind::Id(Some(id))]);
        }
        binds.push(Bind::Number(i64::from(self.limit)));
        let sql = format!(
            "SELECT id, model, aggregate, operation, field, old_value, new_value, rule_id, event_id, actor, at,
                    correlation_id
             FROM celerysalt_transitions WHERE {} = ? {older} ORDER BY at DESC, id DESC LIMIT ?",
            self.column
        );
        let rows = connection.into().rows(&sql, binds).await.map_err(history)?;
        let read = rows.iter().map(transition).collect::<sqlx::Result<_>>();
        read.map_err(history)
    }
}

fn transition(row: &Row) -> sqlx::Result<Transition> {
    let text = |column: &str| need(column, row.text(column)?);
    let operation = match text("operation")?.as_str() {
        "insert" => Operation::Insert,
        "update" => Operation::Update,
        "delete" => Operation::Delete,
        other => {
            let fault = format!("`{other}` is none of insert, update, delete");
            return Err(sqlx::Error::Decode(fault.into()));
        }
    };
    Ok(Transition {
        id: need("id", row.id("id")?)?,
        model: text("model")?,
        aggregate: text("aggregate")?,
        operation,
        field: text("field")?,
        old: row.json("old_value")?.unwrap_or_default(),
        new: row.json("new_value")?.unwrap_or_default(),
        rule_id: row.text("rule_id")?,
        event_id: row.id("event_id")?,
        actor: row.text("actor")?,
        at: need("at", row.instant("at")?)?,
        correlation_id: row.text("correlation_id")?,
    })
}
