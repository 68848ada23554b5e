//! Inserts of rows that may be there already: an `id` is given once and means the same for ever.

use crate::session::{Bind, Kind, Session, list};

/// Inserts rows in one statement, but for those whose id is there. `into` is the table with its columns, and `binds` gives
/// a row's values in their order.
pub(crate) async fn insert_new<T, E>(
    session: &mut Session<'_>,
    into: &str,
    rows: &[T],
    binds: impl Fn(&T) -> Result<Vec<Bind>, E>,
    failed: fn(sqlx::Error) -> E,
) -> Result<(), E> {
    let is_mysql = session.kind() == Kind::Mysql;
    match insert(session, into, rows, &binds).await? {
        // MySQL has no `ON CONFLICT … DO NOTHING`; `INSERT IGNORE` would swallow other errors too, and `ON DUPLICATE KEY
        // UPDATE` locks gaps of the index, for which the caller's transaction would keep others waiting, or deadlock with
        // them. It is rare that a row is there already.
        Err(error) if is_mysql && is_there(&error) => {
            for row in rows.chunks(1) {
                match insert(session, into, row, &binds).await? {
                    Err(error) if is_there(&error) => {}
                    done => done.map_err(failed)?,
                }
            }
            Ok(())
        }
        done => done.map_err(failed),
    }
}

async fn insert<T, E>(
    session: &mut Session<'_>,
    into: &str,
    rows: &[T],
    binds: impl Fn(&T) -> Result<Vec<Bind>, E>,
) -> Result<sqlx::Result<()>, E> {
    let mut all = Vec::new();
    let mut lists = Vec::with_capacity(rows.len());
    for row in rows {
        let binds = binds(row)?;
        lists.push(list(binds.len()));
        all.extend(binds);
    }
    let known = match session.kind() {
        Kind::Mysql => "",
        _ => "ON CONFLICT (id) DO NOTHING",
    };
    let sql = format!("INSERT INTO {into} VALUES {} {known}", lists.join(", "));
    Ok(session.execute(&sql, all).await.map(drop))
}

fn is_there(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    error.is_some_and(|error| error.is_unique_violation())
}
