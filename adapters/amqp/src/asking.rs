//! What is asked of RabbitMQ: no answer is waited for for ever.

use std::sync::Arc;

use celerysalt::broker::BrokerError;
use lapin::Channel;
use tokio::time::timeout;

use crate::failure::unreachable;
use crate::settings::Settings;

impl Settings {
    /// Awaits an answer, no longer than [`connect_timeout`](crate::AmqpBuilder::connect_timeout): a network that stalls is
    /// noticed by heartbeats only, after minutes or never.
    ///
    /// # Errors
    /// Its own, or [`BrokerError::Unreachable`].
    pub(crate) async fn within<T>(
        &self,
        what: &str,
        answer: impl Future<Output = Result<T, BrokerError>>,
    ) -> Result<T, BrokerError> {
        let time = self.connect_timeout;
        let answered = timeout(time, answer).await;
        answered.unwrap_or_else(|_| {
            let place = self.place();
            Err(unreachable(format!(
                "{place}: no answer within {time:?} ({what})"
            )))
        })
    }

    /// As [`within`](Self::within), for what is asked over a channel. One that does not answer is given up: what was asked
    /// may come true later, and a consumer that nobody knows would hold messages as long as its channel is open.
    ///
    /// # Errors
    /// As [`within`](Self::within).
    pub(crate) async fn asked<T>(
        self: &Arc<Self>,
        channel: &Channel,
        what: &str,
        answer: impl Future<Output = Result<T, BrokerError>>,
    ) -> Result<T, BrokerError> {
        let answered = self.within(what, answer).await;
        if let Err(BrokerError::Unreachable { .. }) = &answered {
            // And nobody waits for that.
            let (settings, channel) = (Arc::clone(self), channel.clone());
            tokio::spawn(async move { settings.close(&channel).await });
        }
        answered
    }

    /// Closes a channel, if RabbitMQ answers; else that goes with its connection.
    pub(crate) async fn close(&self, channel: &Channel) {
        let closing = channel.close(200, "done".into());
        let _ = timeout(self.connect_timeout, closing).await;
    }
}
