//! Keeps what is loaded current.

use std::convert::Infallible;
use std::error::Error;
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
        let mut watcher = Watcher {
            table: self,
            failures: 0,
            is_deaf: false,
        };
        tokio::select! {
            biased;
            () = shutdown => {}
            never = watcher.keep_current() => match never {},
        }
    }
}

struct Watcher<'a> {
    table: &'a RuleTable,
    /// How often the table could not be read since it last could.
    failures: u32,
    /// The store could not be listened to when last tried.
    is_deaf: bool,
}

impl Watcher<'_> {
    async fn keep_current(&mut self) -> Infallible {
        let mut woken = false;
        loop {
            match self.refresh().await {
                Ok(moved) => {
                    self.is_up();
                    if woken && !moved {
                        self.sleep(PAUSE).await;
                    }
                    woken = self.wait().await;
                }
                Err(error) => {
                    self.is_down(&error);
                    self.sleep(BACKOFF.delay(self.failures)).await;
                    self.failures = self.failures.saturating_add(1);
                }
            }
        }
    }

    /// Loads when the revision is another than the loaded one; whether it was.
    async fn refresh(&self) -> Result<bool, RuleTableError> {
        let loaded = snapshot::current().map(|snapshot| snapshot.revision);
        // Also a lower revision is another one: the database may have been restored.
        if loaded == Some(self.table.store.revision().await?) {
            return Ok(false);
        }
        let revision = self.table.load().await?;
        tracing::debug!(revision, "the table of rules was loaded");
        crate::telemetry::count::rule_table_revision(revision as f64);
        Ok(true)
    }

    /// Waits until it is time to look at the revision; whether the store said so.
    async fn wait(&mut self) -> bool {
        let since = snapshot::current().map_or(0, |snapshot| snapshot.revision);
        let store = &self.table.store;
        let told = tokio::select! {
            told = store.changed(since) => told,
            () = self.sleep(store.poll_interval()) => return false,
        };
        let was_deaf = std::mem::replace(&mut self.is_deaf, told.is_err());
        let Err(error) = told else {
            return true;
        };
        if !was_deaf {
            let error = &error as &dyn Error;
            tracing::warn!(
                error,
                "cannot listen for changes of the table of rules; asks for them instead"
            );
        }
        self.sleep(POLL).await;
        false
    }

    async fn sleep(&self, time: Duration) {
        self.table.clock.sleep(time).await;
    }

    fn is_up(&mut self) {
        if std::mem::take(&mut self.failures) > 0 {
            tracing::info!("the table of rules can be read again");
        }
    }

    fn is_down(&self, error: &RuleTableError) {
        crate::telemetry::count::rule_table_error();
        if self.failures == 0 {
            let error = error as &dyn Error;
            tracing::warn!(
                error,
                "cannot read the table of rules; saves go on with what was loaded last"
            );
        }
    }
}
