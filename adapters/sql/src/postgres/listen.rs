//! Is told of new rows by PostgreSQL.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use celerysalt::clock::{Clock, SystemClock};
use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

const RECONNECT: Duration = Duration::from_secs(2);

/// Listens from the first wait on, in a task that ends with it.
pub(crate) struct Listener {
    pool: PgPool,
    channel: &'static str,
    changed: Arc<Notify>,
    task: OnceLock<AbortOnDrop>,
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Listener {
    /// Listens on a connection of its own: one of the pool's would be missing there for good.
    pub(crate) fn new(pool: &PgPool, channel: &'static str) -> Self {
        Self {
            pool: pool.clone(),
            channel,
            changed: Arc::default(),
            task: OnceLock::new(),
        }
    }

    /// Ends when something was written, or may have been while nobody listened.
    pub(crate) async fn changed(&self) {
        self.task.get_or_init(|| {
            let options = self.pool.connect_options().as_ref().clone();
            let own = PgPoolOptions::new()
                .max_connections(1)
                .max_lifetime(None)
                .idle_timeout(None)
                .connect_lazy_with(options);
            let task = tokio::spawn(listen(own, self.channel, Arc::clone(&self.changed)));
            AbortOnDrop(task.abort_handle())
        });
        self.changed.notified().await;
    }
}

async fn listen(pool: PgPool, channel: &'static str, changed: Arc<Notify>) {
    loop {
        if let Err(error) = listen_once(&pool, channel, &changed).await {
            tracing::debug!(%error, channel, "cannot listen; who waits polls meanwhile");
        }
        // The server's time, not the relay's: a frozen clock must not keep a real connection away.
        SystemClock.sleep(RECONNECT).await;
    }
}

async fn listen_once(pool: &PgPool, channel: &str, changed: &Notify) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(channel).await?;
    loop {
        ring(changed);
        // `None` is a connection lost and made again: what came between is unknown, so it rings as well.
        listener.try_recv().await?;
    }
}

/// Wakes all who wait, and the next one who comes, for a relay may be on its way to wait.
fn ring(changed: &Notify) {
    changed.notify_waiters();
    changed.notify_one();
}
