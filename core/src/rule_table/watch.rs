//! Keeps what is loaded current.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use super::RuleTable;
use super::snapshot;
use super::table::RuleTableError;
use crate::outbox::Backoff;

/// How long a watcher that cannot listen waits before it asks for the revision.
const POLL: Duration = Duration::from_millis(500);

/// The least time between two questions for the revision, when a store wakes the watcher for nothing.
const PAUSE: Duration = Duration::from_millis(100);

/// How long to wait for a store that is down.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(250),
    max: Duration::from_secs(2),
    jitter: true,
};

impl RuleTable {
    /// [`load`](Self::load)s now and whenever the table has changed, until `shutdown` ends. A change is seen within a
    /// second: the store tells of it, or is asked twice a second.
    ///
    /// A store that is down is logged and tried again with backoff; saves go on with the rules that were loaded last.
    pub async fn watch(&self, shutdown: impl Future<Output = ()> + Send) {
        tokio::select! {
            biased;
            () = shutdown => {}
            never = self.keep_current() => match never {},
        }
    }

    async fn keep_current(&self) -> Infallible {
        let mut failures = 0;
        let mut woken = false;
        loop {
            match self.refresh().await {
                Ok(moved) => {
                    if failures > 0 {
                        tracing::info!("the table of rules can be read again");
                    }
                    failures = 0;
                    if woken && !moved {
                        self.clock.sleep(PAUSE).await;
                    }
                    woken = self.wait().await;
                }
                Err(error) => {
                    tell(&error, failures);
                    self.clock.sleep(BACKOFF.delay(failures)).await;
                    failures = failures.saturating_add(1);
                }
            }
        }
    }

    /// Loads when the revision is another than the loaded one; whether it was.
    async fn refresh(&self) -> Result<bool, RuleTableError> {
        let loaded = snapshot::current().map(|snapshot| snapshot.revision);
        // Also a lower revision is another one: the database may have been restored.
        if loaded == Some(self.store.revision().await?) {
            return Ok(false);
        }
        let revision = self.load().await?;
        tracing::debug!(revision, "the table of rules was loaded");
        metrics::gauge!("celerysalt_rule_table_revision").set(revision as f64);
        Ok(true)
    }

    /// Waits until it is time to look at the revision; whether the store said so.
    async fn wait(&self) -> bool {
        let since = snapshot::current().map_or(0, |snapshot| snapshot.revision);
        let told = tokio::select! {
            told = self.store.changed(since) => told,
            () = self.clock.sleep(self.store.poll_interval()) => return false,
        };
        let Err(error) = told else {
            return true;
        };
        tracing::warn!(%error, "cannot listen for changes of the table of rules; polls instead");
        self.clock.sleep(POLL).await;
        false
    }
}

fn tell(error: &RuleTableError, failures: u32) {
    let error = error as &dyn std::error::Error;
    metrics::counter!("celerysalt_rule_table_errors_total").increment(1);
    match failures {
        0 => tracing::warn!(
            error,
            "cannot read the table of rules; saves go on with those that were loaded last"
        ),
        _ => tracing::debug!(error, failures, "cannot read the table of rules yet"),
    }
}
