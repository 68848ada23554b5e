//! What bulk saves of every ORM adapter share.

use super::Plan;

impl Plan {
    /// Adds what comes with the save of another row, but for the rules, which are that row's own.
    pub fn join(&mut self, other: Self) {
        let Self {
            events,
            transitions,
            rules: _,
            intents,
            claims,
        } = other;
        self.events.extend(events);
        self.transitions.extend(transitions);
        self.intents.extend(intents);
        self.claims.extend(claims);
    }
}

/// What a bulk save did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FollowedMany {
    /// Rows changed or deleted; those that a trigger kept from it are not counted.
    pub rows_affected: u64,
    /// Events that fired.
    pub events: u64,
}

/// Why a bulk save is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManyError {
    /// It sets a column of the primary key, by which the rows are visited one after the other.
    #[error(
        "a bulk update sets `{column}`, a column of the primary key by which it finds its rows; change keys row by row"
    )]
    Key {
        /// The column.
        column: String,
    },
    /// It sets the rules column, which has other rules in each row.
    #[error(
        "a bulk update sets `{column}`, the rules of the rows; they differ from row to row and are merged one by one: \
         attach and remove rules with `update_and_follow`"
    )]
    Rules {
        /// The column.
        column: String,
    },
    /// A row that was visited came again.
    #[error(
        "a bulk save met a row again that it had visited: a condition of raw SQL that says OR needs parentheses around it, \
         and the database must hold keys in the form in which they are written"
    )]
    Again,
}
