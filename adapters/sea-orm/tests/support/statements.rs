//! Which statements a pool sends.

use std::sync::{Arc, Mutex};

use sea_orm::DatabaseConnection;

use super::TestDb;

/// What was sent, as `VERB table`.
pub type Sent = Arc<Mutex<Vec<String>>>;

/// A pool that tells which statements it runs.
pub async fn watched(test: &TestDb) -> (DatabaseConnection, Sent) {
    let sent = Sent::default();
    let mut db = test.another().await;
    let log = Arc::clone(&sent);
    db.set_metric_callback(move |info| {
        log.lock().unwrap().push(short(&info.statement.sql));
    });
    (db, sent)
}

/// What was sent since the last time.
pub fn take(sent: &Sent) -> Vec<String> {
    std::mem::take(&mut sent.lock().unwrap())
}

fn short(sql: &str) -> String {
    let verb = sql.split_whitespace().next().unwrap();
    let table = [
        "celerysalt_pending",
        "celerysalt_transitions",
        "celerysalt_outbox",
        "celerysalt_inbox",
        "orders",
    ]
    .into_iter()
    .find(|table| sql.replace('`', "\"").contains(&format!("\"{table}\"")));
    format!("{verb} {}", table.unwrap_or("?"))
}
