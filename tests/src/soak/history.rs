//! What happened, by the database's own log, and which events follow from it.

use std::collections::{HashMap, HashSet};

use sea_orm::{DatabaseConnection, DbErr, FromQueryResult, Statement};

use super::order::awaited;
use super::verdict::{Due, Happening};

/// A row of the log.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Entry {
    /// Where it stands; for each order in the order of the commits.
    pub seq: i64,
    /// Whose it is.
    pub order_id: i64,
    /// Which save it was; for a delete, the save before.
    pub revision: i64,
    /// Null: it was an insert.
    pub old_status: Option<String>,
    /// Null: it was a delete.
    pub new_status: Option<String>,
    /// The ticket that came with this save.
    pub ticket: Option<String>,
}

/// The log, from the beginning.
///
/// # Errors
/// The database's own.
pub async fn read(db: &DatabaseConnection) -> Result<Vec<Entry>, DbErr> {
    let sql =
        "SELECT seq, order_id, revision, old_status, new_status, ticket FROM soak_log ORDER BY seq";
    let statement = Statement::from_string(db.get_database_backend(), sql);
    Entry::find_by_statement(statement).all(db).await
}

/// The events that must have come of it, by what the rules mean.
pub fn events(log: &[Entry]) -> Vec<Due> {
    let mut orders: HashMap<i64, Order> = HashMap::new();
    let mut due = Vec::new();
    for entry in log {
        let order = orders.entry(entry.order_id).or_default();
        let happenings = order.happenings(entry);
        due.extend(happenings.into_iter().map(|happening| Due {
            seq: entry.seq,
            happening,
        }));
    }
    due
}

/// What an order's rules have still to tell.
#[derive(Default)]
struct Order {
    was_paid: bool,
    tickets: HashSet<String>,
}

impl Order {
    fn happenings(&mut self, entry: &Entry) -> Vec<Happening> {
        let happening = |topic: &str, detail: String| Happening {
            order: entry.order_id,
            revision: entry.revision,
            topic: topic.to_owned(),
            detail,
        };
        match (&entry.old_status, &entry.new_status) {
            (None, _) => {
                *self = Self::default();
                vec![happening("soak.made", String::new())]
            }
            (Some(_), None) => vec![happening("soak.gone", String::new())],
            (Some(old), Some(new)) => {
                self.tickets.extend(entry.ticket.clone());
                if old == new {
                    return Vec::new();
                }
                let mut moved = vec![happening("soak.moved", format!("{old} to {new}"))];
                if new == "paid" && !self.was_paid {
                    self.was_paid = true;
                    moved.push(happening("soak.paid", String::new()));
                }
                let reached = self.tickets.extract_if(|ticket| awaited(ticket) == new);
                moved.extend(reached.map(|ticket| happening("soak.reached", ticket)));
                moved
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: i64, old: Option<&str>, new: Option<&str>, ticket: Option<&str>) -> Entry {
        Entry {
            seq,
            order_id: 1,
            revision: seq * 10,
            old_status: old.map(str::to_owned),
            new_status: new.map(str::to_owned),
            ticket: ticket.map(str::to_owned),
        }
    }

    /// The events as `seq topic detail`.
    fn told(log: &[Entry]) -> Vec<String> {
        let told = events(log).into_iter().map(|due| {
            let happening = due.happening;
            assert_eq!((happening.order, happening.revision), (1, due.seq * 10));
            format!("{} {} {}", due.seq, happening.topic, happening.detail)
        });
        told.collect()
    }

    #[test]
    fn each_rule_tells_what_it_is_for() {
        let (pending, paid) = (Some("pending"), Some("paid"));
        let log = [
            entry(1, None, pending, None),
            entry(2, pending, pending, Some("paid:a")),
            entry(3, pending, paid, Some("paid:b")),
            entry(4, paid, pending, None),
            entry(5, pending, paid, None),
            entry(6, paid, None, None),
        ];
        let mut told = told(&log);
        told.sort();
        let expected = [
            "1 soak.made ",
            "3 soak.moved pending to paid",
            "3 soak.paid ",
            "3 soak.reached paid:a",
            "3 soak.reached paid:b",
            "4 soak.moved paid to pending",
            "5 soak.moved pending to paid",
            "6 soak.gone ",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn an_order_that_is_made_again_begins_anew() {
        let (pending, paid) = (Some("pending"), Some("paid"));
        let log = [
            entry(1, None, pending, None),
            entry(2, pending, paid, Some("shipped:a")),
            entry(3, paid, None, None),
            entry(4, None, pending, None),
            entry(5, pending, paid, None),
            entry(6, paid, Some("shipped"), None),
        ];
        let told = told(&log);
        assert!(told.contains(&"5 soak.paid ".to_owned()));
        assert!(!told.iter().any(|line| line.contains("soak.reached")));
    }
}
