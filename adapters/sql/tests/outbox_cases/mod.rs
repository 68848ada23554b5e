//! The outbox on a database of a test's own: the conformance kit, and what only SQL can break, the same everywhere.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use chrono::{DateTime, Utc};

pub(crate) const LEASE: Duration = Duration::from_secs(30);

pub(crate) fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

/// `Fresh`, a database and its outbox, and the cases on it: how the first row of the outbox is damaged in several ways,
/// how it is mended, and what makes the table of dead letters refuse one after 4 attempts.
macro_rules! outbox_cases {
    ($database:ident, $outbox:ident, damage: $damages:expr, mend: $mend:expr, refuse: $refuse:expr) => {
        use std::sync::Arc;

        use celerysalt::outbox::conformance::{Subject, event};
        use celerysalt::outbox::{
            DeadLetterStore, OutboxError, OutboxStore, Settlement, SharedOutbox,
        };
        use celerysalt_sql::{SqlOutbox, $outbox::append_in};
        use chrono::TimeDelta;
        use databases::$outbox::{run, $database};
        use outbox_cases::{LEASE, start};

        struct Fresh($database, SqlOutbox);

        impl Subject for Fresh {
            async fn fresh() -> Self {
                let database = $database::fresh().await;
                let outbox = SqlOutbox::$outbox(database.pool.clone());
                Self(database, outbox)
            }

            fn store(&self) -> SharedOutbox {
                Arc::new(self.1.clone())
            }

            fn dead(&self) -> Arc<dyn DeadLetterStore> {
                Arc::new(self.1.clone())
            }

            async fn close(self) {
                drop(self.1);
                self.0.close().await;
            }
        }

        celerysalt::outbox_conformance!(Fresh);

        #[tokio::test]
        async fn a_corrupt_row_is_put_off_and_stops_its_aggregate_only() {
            for damage in $damages {
                let fresh = Fresh::fresh().await;
                let Fresh(database, outbox) = &fresh;
                let events = [event("a", 1), event("a", 2), event("b", 3)];
                outbox.append(&events, start()).await.unwrap();
                let first = |set: &str| format!("UPDATE celerysalt_outbox SET {set} WHERE seq = 1");
                run(&database.pool, first(damage)).await;
                let claimed = outbox.claim(10, start(), LEASE).await.unwrap();
                assert_eq!(claimed.len(), 1, "{damage}");
                assert_eq!(claimed[0].envelope, events[2]);
                let status = outbox.status().await.unwrap();
                assert_eq!((status.pending, status.retrying), (3, 1));
                run(&database.pool, first($mend)).await;
                let later = start() + TimeDelta::minutes(5);
                let claimed = outbox.claim(10, later, LEASE).await.unwrap();
                assert_eq!(claimed.len(), 3, "mended; the third's lease is over");
                assert_eq!(claimed[1].envelope.id, events[1].id, "in order");
                fresh.close().await;
            }
        }

        #[tokio::test]
        async fn says_that_the_tables_are_missing() {
            let database = $database::empty().await;
            let outbox = SqlOutbox::$outbox(database.pool.clone());
            let results = [
                outbox.append(&[event("", 1)], start()).await,
                outbox.claim(1, start(), LEASE).await.map(drop),
                outbox.status().await.map(drop),
            ];
            for result in results {
                assert!(
                    matches!(result, Err(OutboxError::NotMigrated)),
                    "{result:?}"
                );
            }
            drop(outbox);
            database.close().await;
        }

        #[tokio::test]
        async fn appends_in_the_callers_transaction() {
            let fresh = Fresh::fresh().await;
            let Fresh(database, outbox) = &fresh;
            // More than one statement holds.
            let many: Vec<_> = (0..4_100).map(|n| event("", n)).collect();
            let mut tx = database.pool.begin().await.unwrap();
            append_in(&mut tx, &many, start()).await.unwrap();
            tx.rollback().await.unwrap();
            assert_eq!(outbox.status().await.unwrap().pending, 0);
            let mut tx = database.pool.begin().await.unwrap();
            append_in(&mut tx, &many, start()).await.unwrap();
            append_in(&mut tx, &many[..3], start()).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(outbox.status().await.unwrap().pending, 4_100);
            fresh.close().await;
        }

        /// Dead letters and settlement are one transaction: without the one there is not the other.
        #[tokio::test]
        async fn a_settlement_whose_dead_letters_fail_leaves_the_event() {
            let fresh = Fresh::fresh().await;
            let Fresh(database, outbox) = &fresh;
            outbox.append(&[event("", 1)], start()).await.unwrap();
            let held = outbox.claim(1, start(), LEASE).await.unwrap().remove(0);
            run(&database.pool, $refuse.to_owned()).await;
            let dead = celerysalt::broker::DeadReason {
                handler: None,
                attempts: 4,
                error: "no".to_owned(),
            };
            let settled = [(held, Settlement::Delivered { dead: vec![dead] })];
            assert!(outbox.settle(&settled, start()).await.is_err());
            let status = outbox.status().await.unwrap();
            assert_eq!((status.pending, status.dead), (1, 0));
            fresh.close().await;
        }
    };
}
