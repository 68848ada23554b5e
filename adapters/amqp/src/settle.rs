//! Ends deliveries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use celerysalt::broker::{BrokerError, DeadReason, Settle};
use chrono::{DateTime, Utc};
use lapin::Acker;

use crate::acknowledge::{ack, gone, nack};
use crate::broker::Shared;
use crate::delay::Ticks;
use crate::held::Hold;
use crate::message::{Change, Raw};

/// How long a message is kept back that could be neither delivered, nor put aside, nor given back.
pub(crate) const AFTER_ERROR: Duration = Duration::from_secs(1);

pub(crate) struct AmqpSettle {
    broker: Arc<Shared>,
    queue: Arc<str>,
    raw: Raw,
    acker: Acker,
    hold: Arc<Hold>,
    ended: AtomicBool,
    /// Whether it was to go back uncounted, and did not.
    goes_back: AtomicBool,
}

impl AmqpSettle {
    pub(crate) fn new(
        broker: Arc<Shared>,
        queue: Arc<str>,
        raw: Raw,
        acker: Acker,
        hold: Arc<Hold>,
    ) -> Self {
        Self {
            broker,
            queue,
            raw,
            acker,
            hold,
            ended: AtomicBool::new(false),
            goes_back: AtomicBool::new(false),
        }
    }

    fn ticks(&self, at: DateTime<Utc>) -> Option<Ticks> {
        Ticks::until(at, self.broker.settings.clock.now())
    }

    /// Whether the broker still holds the message for this delivery.
    fn check_held(&self) -> Result<(), BrokerError> {
        match self.ended.load(Ordering::SeqCst) || self.acker.usable() {
            true => Ok(()),
            false => Err(gone()),
        }
    }

    async fn send(&self, at: Option<Ticks>, change: Change<'_>) -> Result<(), BrokerError> {
        self.check_held()?;
        let message = self
            .raw
            .again(&self.queue, at, &self.broker.settings.delays, change);
        self.broker.send_on(&self.queue, message).await
    }
}

#[async_trait]
impl Settle for AmqpSettle {
    async fn retry(
        &self,
        handler: &str,
        retries: u32,
        at: DateTime<Utc>,
        error: &str,
    ) -> Result<(), BrokerError> {
        let change = Change::Retry {
            handler,
            retries,
            error,
        };
        self.send(self.ticks(at), change).await
    }

    async fn dead_letter(&self, dead: DeadReason) -> Result<(), BrokerError> {
        self.check_held()?;
        let message = self
            .raw
            .dead(&self.queue, &dead, self.broker.settings.clock.now());
        self.broker.send_on(&self.queue, message).await
    }

    async fn ack(&self) -> Result<(), BrokerError> {
        if self.ended.load(Ordering::SeqCst) {
            return Ok(());
        }
        ack(&self.acker).await?;
        self.ended.store(true, Ordering::SeqCst);
        self.broker.held.release(&self.hold);
        Ok(())
    }

    /// RabbitMQ would mark a message that is returned as redelivered, which here is the mark of a crash. So it is sent
    /// anew and then acknowledged.
    async fn requeue(&self, at: Option<DateTime<Utc>>) -> Result<(), BrokerError> {
        if self.ended.load(Ordering::SeqCst) {
            return Ok(());
        }
        let returned = Change::Returned(self.raw.returns().counted);
        self.goes_back.store(true, Ordering::SeqCst);
        self.send(at.and_then(|at| self.ticks(at)), returned)
            .await?;
        self.ack().await
    }
}

impl Drop for AmqpSettle {
    /// What is not settled goes back, as a crash would return it; unless the connection is lost, or it was to go back
    /// anyway, which is none.
    fn drop(&mut self) {
        if self.ended.load(Ordering::SeqCst) {
            return;
        }
        let held = &self.broker.held;
        let is_open = self.acker.usable();
        let goes_back = self.goes_back.load(Ordering::SeqCst);
        if !is_open || goes_back {
            held.lose(&self.hold);
        }
        held.release(&self.hold);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if !is_open {
            return;
        }
        let acker = self.acker.clone();
        runtime.spawn(async move {
            // RabbitMQ takes nothing at present, or this would not be here: handlers would run without a pause.
            if goes_back {
                tokio::time::sleep(AFTER_ERROR).await;
            }
            nack(&acker).await;
        });
    }
}
