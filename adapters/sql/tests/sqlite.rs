//! The outbox in SQLite: the conformance kit, and what only SQLite does.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../migrations/tests/databases/mod.rs"]
mod databases;
#[macro_use]
mod outbox_cases;

outbox_cases!(
    Sqlite, sqlite,
    damage: [
        "payload = '{'",
        "meta = '{\"depth\": []}'",
        "progress = x'00ff'",
        "id = '01980c2e-zzzz-7000-8000-000000000001'",
    ],
    mend: "payload = '{}', meta = '{}', progress = '{}', id = '01980c2e-0000-7000-8000-000000000001'",
    refuse: "CREATE TRIGGER refuse BEFORE INSERT ON celerysalt_dead_letters
        BEGIN SELECT RAISE(ABORT, 'refused'); END"
);

/// A relay that finds nothing to do takes no write lock.
#[tokio::test]
async fn an_idle_claim_does_not_wait_for_a_writer() {
    let Fresh(database, outbox) = Fresh::fresh().await;
    let writer = database.pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    assert_eq!(outbox.claim(10, start(), LEASE).await.unwrap(), []);
    writer.rollback().await.unwrap();
}
