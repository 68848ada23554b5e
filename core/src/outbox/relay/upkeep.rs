//! What a relay does now and then beside its deliveries.

use std::convert::Infallible;
use std::time::Duration;

use super::{Core, report};
use crate::clock;
use crate::telemetry::count;

/// How often delivered events whose retention is over are purged.
const PURGE_EVERY: Duration = Duration::from_secs(3600);

/// How often the relay looks how far it is behind.
const MEASURE_EVERY: Duration = Duration::from_secs(15);

/// Forgets what was delivered long ago.
pub(super) async fn purge(core: &Core) -> Infallible {
    let Core {
        store, settings, ..
    } = core;
    loop {
        let old = clock::earlier(settings.clock.now(), settings.retention);
        match store.purge(old).await {
            Ok(0) => {}
            Ok(purged) => tracing::debug!(purged, "purged delivered outbox events"),
            Err(error) => report(&error, "cannot purge delivered outbox events"),
        }
        settings.clock.sleep(PURGE_EVERY).await;
    }
}

/// Tells the age of the oldest event that is not delivered.
pub(super) async fn measure(core: &Core) -> Infallible {
    let Core {
        store, settings, ..
    } = core;
    loop {
        match store.oldest_open().await {
            Ok(oldest) => {
                let age = oldest.map(|oldest| settings.clock.now() - oldest);
                // Another machine's clock may be ahead.
                count::relay_lag(age.map_or(0.0, |age| age.as_seconds_f64().max(0.0)));
            }
            Err(error) => report(&error, "cannot look for the oldest outbox event"),
        }
        settings.clock.sleep(MEASURE_EVERY).await;
    }
}
