//! The statements that a connection sends.

use std::sync::{Arc, Mutex};

use diesel::Connection;
use diesel::connection::InstrumentationEvent;

/// The statements since they were taken last.
#[derive(Clone, Default)]
pub struct Sent(Arc<Mutex<Vec<String>>>);

impl Sent {
    /// Those of this connection, from now on.
    pub fn on(conn: &mut impl Connection) -> Self {
        let sent = Self::default();
        let log = Arc::clone(&sent.0);
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                log.lock().unwrap().push(query.to_string());
            }
        });
        sent
    }

    /// As SQL.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// As `VERB table`.
    pub fn take_short(&self) -> Vec<String> {
        self.take().iter().map(|sql| short(sql)).collect()
    }
}

fn short(sql: &str) -> String {
    let verb = sql.split_whitespace().next().unwrap();
    let table = ["celerysalt_outbox", "orders"]
        .into_iter()
        .find(|table| sql.contains(table));
    [Some(verb), table]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}
