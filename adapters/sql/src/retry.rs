//! Again, when the database asks for it.

use std::error::Error;
use std::future::Future;

use celerysalt::outbox::OutboxError;
use celerysalt::rule_table::RuleStoreError;

/// How often a transaction that lost a deadlock is run in all.
const ATTEMPTS: u32 = 5;

/// Runs a whole transaction of ours, again when the database ended it for the sake of another one. Nothing of it has
/// happened then, and the other one has what it waited for, so there is no pause.
///
/// A lock that was waited for in vain is not tried again here: a wait has been long already, and relays back off.
pub(crate) async fn retrying<T, E, F>(run: impl Fn() -> F) -> Result<T, E>
where
    E: Victim,
    F: Future<Output = Result<T, E>>,
{
    for _ in 1..ATTEMPTS {
        match run().await {
            Err(error) if error.is_victim() => {
                tracing::debug!("lost a deadlock; running the transaction again");
            }
            done => return done,
        }
    }
    run().await
}

/// An error of a transaction.
pub(crate) trait Victim {
    /// Whether the database ended the transaction for the sake of another: MySQL's deadlock (1213), PostgreSQL's.
    fn is_victim(&self) -> bool;
}

impl Victim for sqlx::Error {
    fn is_victim(&self) -> bool {
        let code = self.as_database_error().and_then(|error| error.code());
        matches!(code.as_deref(), Some("40001" | "40P01"))
    }
}

fn is_caused_by_victim(source: &(dyn Error + Send + Sync + 'static)) -> bool {
    let cause = source.downcast_ref::<sqlx::Error>();
    cause.is_some_and(Victim::is_victim)
}

impl Victim for OutboxError {
    fn is_victim(&self) -> bool {
        matches!(self, Self::Store(source) if is_caused_by_victim(&**source))
    }
}

impl Victim for RuleStoreError {
    fn is_victim(&self) -> bool {
        matches!(self, Self::Store(source) if is_caused_by_victim(&**source))
    }
}
