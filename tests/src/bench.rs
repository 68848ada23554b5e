//! What a case works on: an adapter, a database, and a look at the tables that goes past the adapter.

use std::sync::Arc;

use celerysalt::rules::Rule;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, QueryResult, Statement, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::adapters::Adapter;
use crate::boundary::Boundary;
use crate::databases::{self, Kind};
use crate::fixture::{End, Failure, Fixture, Step};
use crate::order::{Change, Order};

/// An adapter on a database. Clones share both.
#[derive(Clone)]
pub struct Bench {
    /// The adapter.
    pub adapter: Adapter,
    /// The database's make.
    pub kind: Kind,
    /// The database.
    pub url: String,
    /// The adapter at work.
    pub fixture: Arc<dyn Fixture>,
    /// A connection of the kit's own: one, so that it is known among the sessions of the database.
    pub raw: DatabaseConnection,
    /// Counts the statements of this process, where no other case runs in it.
    pub boundary: Option<&'static Boundary>,
}

/// An event as it stands in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Fired {
    /// Its id.
    pub id: String,
    /// Its topic.
    pub topic: String,
    /// Its data.
    pub payload: Json,
    /// Its chain, aggregate and rule.
    pub meta: Json,
}

/// A transition as it stands in the history; values as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What the save did.
    pub operation: String,
    /// The field.
    pub field: String,
    /// Its old value.
    pub old: Option<String>,
    /// Its new value.
    pub new: Option<String>,
    /// The rule that fired, if one did.
    pub rule: Option<String>,
    /// The event that it fired.
    pub event: Option<String>,
    /// Who saved.
    pub actor: Option<String>,
}

impl Told {
    fn read(row: &QueryResult) -> Self {
        let text = |column: &str| row.try_get("", column).unwrap();
        Self {
            operation: row.try_get("", "operation").unwrap(),
            field: row.try_get("", "field").unwrap(),
            old: text("old_value"),
            new: text("new_value"),
            rule: text("rule_id"),
            event: text("event_id"),
            actor: text("actor"),
        }
    }
}

impl Bench {
    /// An adapter on a database that is migrated and has the adapter's table.
    pub async fn open(
        adapter: Adapter,
        kind: Kind,
        url: String,
        boundary: Option<&'static Boundary>,
    ) -> Self {
        Self {
            adapter,
            kind,
            fixture: (adapter.open)(kind, url.clone()).await,
            raw: databases::connect_some(&url, 1).await,
            url,
            boundary,
        }
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.fixture.close().await;
        self.raw.close_by_ref().await.unwrap();
    }

    /// The same database through connections that nobody has used.
    pub async fn reopened(&self) -> Self {
        let fixture = (self.adapter.open)(self.kind, self.url.clone()).await;
        Self {
            fixture,
            ..self.clone()
        }
    }

    /// A pending order with these rules, as the database holds it now.
    pub async fn stored(&self, rules: impl IntoIterator<Item = Rule>) -> Order {
        self.insert(Order::pending(rules)).await
    }

    /// This order, as the database holds it now.
    pub async fn insert(&self, order: Order) -> Order {
        let id = order.id;
        self.fixture.save(Step::Insert(order)).await.unwrap();
        self.fixture.load(id).await.unwrap()
    }

    /// The order as the database holds it now.
    pub async fn reload(&self, order: &Order) -> Order {
        self.fixture.load(order.id).await.unwrap()
    }

    /// Writes columns of an order that somebody remembers so; returns it as the database holds it then.
    pub async fn update(&self, order: &Order, change: Change) -> Order {
        self.try_update(order, change).await.unwrap();
        self.reload(order).await
    }

    /// Like [`update`](Self::update), when it may fail.
    pub async fn try_update(&self, order: &Order, change: Change) -> Result<(), Failure> {
        self.fixture.save(Step::Update(order.clone(), change)).await
    }

    /// Deletes an order.
    pub async fn delete(&self, order: &Order) {
        self.fixture
            .save(Step::Delete(order.clone()))
            .await
            .unwrap();
    }

    /// Steps in a transaction of the caller's.
    pub async fn transaction(&self, steps: Vec<Step>, end: End) {
        self.fixture.transaction(steps, end).await.unwrap();
    }

    /// What the outbox holds of an order, in its order.
    pub async fn fired(&self, order: &Order) -> Vec<Fired> {
        let text = self.text_type();
        let sql = format!(
            "SELECT CAST(id AS {text}) AS id, topic, CAST(payload AS {text}) AS payload, CAST(meta AS {text}) AS meta
             FROM celerysalt_outbox WHERE aggregate = $1 ORDER BY seq"
        );
        let aggregate = format!("order:{}", order.id);
        let rows = self.query(sql, [aggregate.into()]).await;
        rows.iter().map(Fired::read).collect()
    }

    /// The topics of what the outbox holds of an order.
    pub async fn topics(&self, order: &Order) -> Vec<String> {
        let fired = self.fired(order).await;
        fired.into_iter().map(|event| event.topic).collect()
    }

    /// What the history tells of an order, in its order.
    pub async fn history(&self, order: &Order) -> Vec<Told> {
        let text = self.text_type();
        let columns = [
            "operation",
            "field",
            "old_value",
            "new_value",
            "rule_id",
            "event_id",
            "actor",
        ]
        .map(|column| format!("CAST({column} AS {text}) AS {column}"));
        let sql = format!(
            "SELECT {} FROM celerysalt_transitions WHERE aggregate = $1 ORDER BY at, id",
            columns.join(", ")
        );
        let rows = self
            .query(sql, [format!("order:{}", order.id).into()])
            .await;
        rows.iter().map(Told::read).collect()
    }

    /// How many handlers have a receipt of an event.
    pub async fn receipts(&self, event: Uuid) -> i64 {
        let text = self.text_type();
        let count = "SELECT COUNT(*) AS n FROM celerysalt_inbox";
        let sql = format!("{count} WHERE CAST(event_id AS {text}) = $1");
        let rows = self.query(sql, [event.to_string().into()]).await;
        rows[0].try_get("", "n").unwrap()
    }

    /// The rules column of an order, as it stands there.
    pub async fn rules_text(&self, order: &Order) -> String {
        let text = self.text_type();
        let sql =
            format!("SELECT CAST(on_change_rules AS {text}) AS rules FROM orders WHERE code = $1");
        let rows = self.query(sql, [order.code.clone().into()]).await;
        rows[0].try_get("", "rules").unwrap()
    }

    /// Edits the rules column by hand.
    pub async fn write_rules(&self, order: &Order, rules: &str) {
        let is_json = (self.adapter.tables)(self.kind).contains("JSONB");
        let cast = if is_json { "::jsonb" } else { "" };
        let sql = format!("UPDATE orders SET on_change_rules = $1{cast} WHERE code = $2");
        let values = [rules.into(), order.code.clone().into()];
        let update = self.statement(sql, values);
        let done = self.raw.execute_raw(update).await.unwrap();
        assert_eq!(done.rows_affected(), 1);
    }

    /// Does something to the tables.
    pub async fn execute(&self, sql: &str) {
        self.raw.execute_unprepared(sql).await.unwrap();
    }

    /// How many rows a query counts, in a column `n`.
    pub async fn count(&self, sql: &str) -> i64 {
        let rows = self.query(sql.to_owned(), []).await;
        rows[0].try_get("", "n").unwrap()
    }

    async fn query<const N: usize>(&self, sql: String, values: [Value; N]) -> Vec<QueryResult> {
        self.raw
            .query_all_raw(self.statement(sql, values))
            .await
            .unwrap()
    }

    /// Placeholders are written `$1`, `$2` in order.
    fn statement<const N: usize>(&self, mut sql: String, values: [Value; N]) -> Statement {
        let backend = self.raw.get_database_backend();
        if backend == DbBackend::MySql {
            for n in 1..=N {
                sql = sql.replace(&format!("${n}"), "?");
            }
        }
        Statement::from_sql_and_values(backend, sql, values)
    }

    fn text_type(&self) -> &'static str {
        match self.kind {
            Kind::MariaDb => "CHAR",
            _ => "TEXT",
        }
    }
}

impl Fired {
    fn read(row: &QueryResult) -> Self {
        let text = |column: &str| -> String { row.try_get("", column).unwrap() };
        let json = |column: &str| serde_json::from_str(&text(column)).unwrap();
        Self {
            id: text("id"),
            topic: text("topic"),
            payload: json("payload"),
            meta: json("meta"),
        }
    }
}
