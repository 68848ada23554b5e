//! Again, when the database asks for it.

use std::future::Future;

use celerysalt::outbox::OutboxError;

/// How often a transaction that lost a deadlock is run in all.
const ATTEMPTS: u32 = 5;

/// Runs a whole transaction of ours, again when the database ended it for the sake of another one. Nothing of it has
/// happened then, and the other one has what it waited for, so there is no pause.
///
/// A lock that was waited for in vain is not tried again here: a wait has been long already, and relays back off.
pub(crate) async fn retrying<T, F>(run: impl Fn() -> F) -> Result<T, OutboxError>
where
    F: Future<Output = Result<T, OutboxError>>,
{
    for _ in 1..ATTEMPTS {
        match run().await {
            Err(error) if is_victim(&error) => {
                tracing::debug!(%error, "lost a deadlock over the outbox; trying again");
            }
            done => return done,
        }
    }
    run().await
}

/// Whether the database ended the transaction for the sake of another: MySQL's deadlock (1213), PostgreSQL's.
fn is_victim(error: &OutboxError) -> bool {
    let OutboxError::Store(source) = error else {
        return false;
    };
    let error = source.downcast_ref::<sqlx::Error>();
    let code = error.and_then(sqlx::Error::as_database_error);
    matches!(
        code.and_then(|error| error.code()).as_deref(),
        Some("40001" | "40P01")
    )
}
