//! Takes events from the outbox, so that each aggregate stays in order with any number of relays.

use std::collections::HashMap;

use celerysalt::outbox::OutboxEvent;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::LIST;
use crate::session::{Bind, Columns, Kind, Pool, Session, list, need};
use crate::stored::{Corrupt, candidate, look_again, select};

/// Makes MySQL go by this index; SQLite does by itself.
///
/// Without it MySQL reads a small outbox from end to end, and locks what it reads.
pub(super) fn by_index(kind: Kind, index: &str) -> String {
    match kind {
        Kind::Mysql => format!(" FORCE INDEX ({index})"),
        _ => String::new(),
    }
}

/// What is due and free, and not behind a waiting or claimed event of its aggregate. Takes `now` four times.
fn due(kind: Kind) -> String {
    let open = by_index(kind, "celerysalt_outbox_open");
    let aggregate = by_index(kind, "celerysalt_outbox_aggregate");
    // Scalar, so that MySQL cannot make a join of it.
    format!(
        "FROM celerysalt_outbox AS o{open}
         WHERE o.published_at IS NULL AND o.unrouted_at IS NULL AND o.available_at <= ?
           AND (o.claimed_until IS NULL OR o.claimed_until <= ?)
           AND (o.aggregate IS NULL OR (
             SELECT e.seq FROM celerysalt_outbox AS e{aggregate}
             WHERE e.aggregate = o.aggregate AND e.published_at IS NULL AND e.unrouted_at IS NULL
               AND e.seq < o.seq AND e.unroutable_since IS NULL
               AND (e.available_at > ? OR e.claimed_until > ?)
             LIMIT 1) IS NULL)"
    )
}

/// Whether a claim may find something. An idle relay must not take SQLite's write lock at every poll; elsewhere a
/// claim that finds nothing costs nobody anything.
pub(super) async fn is_worth_it(pool: &Pool, now: DateTime<Utc>) -> sqlx::Result<bool> {
    if pool.kind() != Kind::Sqlite {
        return Ok(true);
    }
    let sql = format!("SELECT EXISTS (SELECT 1 {}) AS due", due(pool.kind()));
    let binds = vec![Bind::Instant(Some(now)); 4];
    let mut connection = pool.acquire().await?;
    let row = connection.session().row(&sql, binds).await?;
    need("due", row)?.flag("due")
}

/// To be called in a transaction, with SQLite's write lock.
pub(super) async fn claim(
    session: &mut Session<'_>,
    limit: usize,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> sqlx::Result<Vec<OutboxEvent>> {
    let token = Uuid::new_v4();
    let mut binds = vec![Bind::Instant(Some(now)); 4];
    binds.push(Bind::Number(i64::try_from(limit).unwrap_or(i64::MAX)));
    let rows = session.rows(&candidates(session.kind()), binds).await?;
    let candidates = rows
        .iter()
        .map(|row| candidate(row, token))
        .collect::<sqlx::Result<_>>()?;
    let (mut events, corrupt) = select(candidates);
    put_off(session, &corrupt, now).await?;
    if takes_turns(session.kind()) {
        leave_to_others(session, &mut events).await?;
    }
    hold(session, &events, token, until).await?;
    Ok(events.into_iter().map(|(_, event)| event).collect())
}

fn candidates(kind: Kind) -> String {
    let lock = if takes_turns(kind) {
        "FOR UPDATE SKIP LOCKED"
    } else {
        ""
    };
    format!(
        "SELECT o.seq, o.id, o.topic, o.version, o.payload, o.meta, o.aggregate, o.created_at, o.attempts,
                o.progress, o.targets, o.lost_claims + (o.claim IS NOT NULL) AS lost_claims,
                o.unroutable_since {} ORDER BY o.seq LIMIT ? {lock}",
        due(kind)
    )
}

/// Whether several claims run at once: not under SQLite's one write lock.
fn takes_turns(kind: Kind) -> bool {
    kind != Kind::Sqlite
}

async fn put_off(
    session: &mut Session<'_>,
    corrupt: &[Corrupt],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    const PUT_OFF: &str = "
        UPDATE celerysalt_outbox
        SET available_at = ?, attempts = attempts + 1, last_error = ?, claim = NULL, claimed_until = NULL
        WHERE seq = ?";
    for row in corrupt {
        let binds = vec![
            Bind::Instant(Some(look_again(now))),
            Bind::Text(Some(row.error.clone())),
            Bind::Number(row.seq),
        ];
        session.execute(PUT_OFF, binds).await?;
    }
    Ok(())
}

/// Leaves out what an older open event of its aggregate stands before that is not locked here as well.
///
/// This is what keeps the order. Another relay may hold the lock of an aggregate's head and be about to claim it;
/// `SKIP LOCKED` then passed over the head without a word and locked its successor. Here, in a statement of its
/// own (its snapshot is younger than all our locks, since the transaction is READ COMMITTED), the head is seen as
/// open and not ours, and the successor stays. The holder of the head always gets on, so nobody waits for ever.
async fn leave_to_others(
    session: &mut Session<'_>,
    events: &mut Vec<(i64, OutboxEvent)>,
) -> sqlx::Result<()> {
    let ours: Vec<(i64, &str)> = events
        .iter()
        .filter_map(|(seq, event)| Some((*seq, event.envelope.meta.aggregate.as_deref()?)))
        .collect();
    let Some((last, _)) = ours.last() else {
        return Ok(());
    };
    let sql = format!(
        "SELECT e.aggregate AS aggregate, min(e.seq) AS seq FROM celerysalt_outbox AS e{hint}
         WHERE e.aggregate IN {ours} AND e.published_at IS NULL AND e.unrouted_at IS NULL
           AND e.unroutable_since IS NULL AND e.seq < ? AND e.seq NOT IN {ours}
         GROUP BY e.aggregate",
        hint = by_index(session.kind(), "celerysalt_outbox_aggregate"),
        ours = list(ours.len()),
    );
    let mut binds: Vec<Bind> = ours
        .iter()
        .map(|(_, aggregate)| Bind::Text(Some((*aggregate).to_owned())))
        .collect();
    binds.push(Bind::Number(*last));
    binds.extend(ours.iter().map(|(seq, _)| Bind::Number(*seq)));
    let mut foreign = HashMap::new();
    for row in session.rows(&sql, binds).await? {
        let aggregate = need("aggregate", row.text("aggregate")?)?;
        foreign.insert(aggregate, need("seq", row.number("seq")?)?);
    }
    events.retain(|(seq, event)| {
        let aggregate = event.envelope.meta.aggregate.as_ref();
        aggregate
            .and_then(|aggregate| foreign.get(aggregate))
            .is_none_or(|first| seq < first)
    });
    Ok(())
}

async fn hold(
    session: &mut Session<'_>,
    events: &[(i64, OutboxEvent)],
    token: Uuid,
    until: DateTime<Utc>,
) -> sqlx::Result<()> {
    for events in events.chunks(LIST) {
        // MySQL sets from left to right: the old claim is counted before the new one stands there.
        let sql = format!(
            "UPDATE celerysalt_outbox{hint}
             SET lost_claims = lost_claims + (claim IS NOT NULL), claim = ?, claimed_until = ?
             WHERE seq IN {places}",
            hint = by_index(session.kind(), "PRIMARY"),
            places = list(events.len()),
        );
        let mut binds = vec![Bind::Id(Some(token)), Bind::Instant(Some(until))];
        binds.extend(events.iter().map(|(seq, _)| Bind::Number(*seq)));
        session.execute(&sql, binds).await?;
    }
    Ok(())
}
