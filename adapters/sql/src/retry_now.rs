//! Events of the outbox that are to be tried at once, in every database.

use celerysalt::outbox::{OutboxError, Progress, RetrySelection};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::error::store;
use crate::retry::retrying;
use crate::session::{Bind, Columns, Kind, Pool, Row, Session, document, list, need};

/// How many events one transaction makes due: relays may claim in between.
const CHUNK: usize = 1_000;

/// Makes the selected events due; gives how many.
pub(crate) async fn retry_now(
    pool: &Pool,
    selection: &RetrySelection,
    now: DateTime<Utc>,
) -> Result<u64, OutboxError> {
    let parts: Vec<RetrySelection> = match selection {
        RetrySelection::Events(events) => {
            let parts = events.chunks(CHUNK).map(<[Uuid]>::to_vec);
            parts.map(RetrySelection::Events).collect()
        }
        all => vec![all.clone()],
    };
    let mut retried = 0;
    for part in &parts {
        loop {
            let chunk = || async {
                let mut tx = pool.begin().await.map_err(store)?;
                let done = one_chunk(&mut tx.session(), part, now)
                    .await
                    .map_err(store)?;
                tx.commit().await.map_err(store)?;
                Ok::<usize, OutboxError>(done)
            };
            let done = retrying(chunk).await?;
            retried += done as u64;
            if done < CHUNK {
                break;
            }
        }
    }
    Ok(retried)
}

async fn one_chunk(
    session: &mut Session<'_>,
    selection: &RetrySelection,
    now: DateTime<Utc>,
) -> sqlx::Result<usize> {
    let rows = free(session, selection, now).await?;
    let seqs = rows.iter().map(|row| need("seq", row.number("seq")?));
    let seqs: Vec<i64> = seqs.collect::<sqlx::Result<_>>()?;
    if seqs.is_empty() {
        return Ok(0);
    }
    // MySQL assigns in this order: `unrouted_at` is looked at before it goes.
    let sql = format!(
        "UPDATE celerysalt_outbox SET
             unroutable_since = CASE WHEN unrouted_at IS NULL THEN unroutable_since END,
             unrouted_at = NULL, attempts = 0, available_at = ?
         WHERE seq IN {}",
        list(seqs.len())
    );
    let mut binds = vec![Bind::Instant(Some(now))];
    binds.extend(seqs.iter().map(|seq| Bind::Number(*seq)));
    session.execute(&sql, binds).await?;
    for (row, seq) in rows.iter().zip(&seqs) {
        hasten_handlers(session, row, *seq, now).await?;
    }
    if session.kind() == Kind::Postgres {
        // Updates are not what the trigger on inserts tells of.
        let notify = "SELECT pg_notify('celerysalt_outbox', '')";
        session.execute(notify, Vec::new()).await?;
    }
    Ok(seqs.len())
}

/// Up to a chunk of the selected events that wait or are unrouted and that no claim holds, locked.
async fn free(
    session: &mut Session<'_>,
    selection: &RetrySelection,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<Row>> {
    const WAITING: &str = "unrouted_at IS NULL AND available_at > ?";
    const UNROUTED: &str = "unrouted_at IS NOT NULL";
    let instant = || Bind::Instant(Some(now));
    let mut binds = vec![instant()];
    let selected = match selection {
        RetrySelection::Waiting => {
            binds.push(instant());
            WAITING.to_owned()
        }
        RetrySelection::Unrouted => UNROUTED.to_owned(),
        RetrySelection::Events(events) => {
            binds.push(instant());
            binds.extend(events.iter().map(|id| Bind::Id(Some(*id))));
            format!(
                "(({WAITING}) OR {UNROUTED}) AND id IN {}",
                list(events.len())
            )
        }
    };
    // What a relay has locked it is about to claim or to settle.
    let lock = match session.kind() {
        Kind::Sqlite => "",
        Kind::Mysql | Kind::Postgres => "FOR UPDATE SKIP LOCKED",
    };
    let sql = format!(
        "SELECT seq, progress FROM celerysalt_outbox
         WHERE published_at IS NULL AND (claimed_until IS NULL OR claimed_until <= ?) AND {selected}
         ORDER BY seq LIMIT {CHUNK} {lock}"
    );
    session.rows(&sql, binds).await
}

/// Lets the event's handlers in the process run now that wait for their next try.
async fn hasten_handlers(
    session: &mut Session<'_>,
    row: &Row,
    seq: i64,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    const WRITE: &str = "UPDATE celerysalt_outbox SET progress = ? WHERE seq = ?";
    // What cannot be read is for whoever claims it to report.
    let Ok(mut progress) = document::<Progress>(row, "progress") else {
        return Ok(());
    };
    if !progress.hasten(now) {
        return Ok(());
    }
    let written = serde_json::to_value(&progress).map_err(|e| sqlx::Error::Encode(Box::new(e)))?;
    let binds = vec![Bind::Json(Some(written)), Bind::Number(seq)];
    session.execute(WRITE, binds).await.map(drop)
}
