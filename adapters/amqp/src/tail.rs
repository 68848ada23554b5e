//! A live view of the events of the exchange.

use std::sync::Arc;

use celerysalt::broker::BrokerError;
use celerysalt::event::Envelope;
use futures::StreamExt;
use lapin::Channel;
use lapin::options::{BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use uuid::Uuid;

use crate::acknowledge::ack;
use crate::broker::AmqpBroker;
use crate::dead::shown;
use crate::failure::{of_queue, short, unreachable, words};
use crate::message::Raw;
use crate::settings::Settings;

/// How many events are on their way to a viewer at most.
const PREFETCH: u16 = 500;
/// How many events wait for a slow viewer at most: the oldest beyond them go, and the broker's memory is spared.
const LONGEST_QUEUE: i32 = 10_000;

/// The events of the exchange, as they are published: see [`AmqpBroker::tail`].
pub struct Tail {
    channel: Channel,
    stream: lapin::Consumer,
    settings: Arc<Settings>,
}

impl AmqpBroker {
    /// Watches the events of the exchange whose topic matches a pattern (`*` one word, `#` any number), from now on.
    ///
    /// It has a queue of its own, which goes when the connection does; services miss nothing. But that queue is bound: while
    /// somebody watches, an event that no service is bound for counts as routed. A viewer that is 10,000 events behind
    /// misses the oldest of them.
    ///
    /// # Errors
    /// [`BrokerError::Queue`] without the exchange, [`BrokerError::Unreachable`].
    pub async fn tail(&self, pattern: &str) -> Result<Tail, BrokerError> {
        let pattern = short("pattern", pattern)?;
        let channel = self.0.consume_link.channel().await?;
        let watching = self.watch(&channel, pattern);
        let settings = &self.0.settings;
        let stream = settings
            .asked(&channel, "a viewer's queue", watching)
            .await?;
        Ok(Tail {
            channel,
            stream,
            settings: Arc::clone(settings),
        })
    }

    async fn watch(
        &self,
        channel: &Channel,
        pattern: ShortString,
    ) -> Result<lapin::Consumer, BrokerError> {
        let exchange = short("name of an exchange", &self.0.settings.exchange)?;
        let queue = format!("celerysalt.tail.{}", Uuid::new_v4().simple());
        let refused = |error: lapin::Error| of_queue(&queue, &error);
        let own = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let mut bounds = FieldTable::default();
        bounds.insert("x-max-length".into(), AMQPValue::LongInt(LONGEST_QUEUE));
        let declared = channel.queue_declare(queue.as_str().into(), own, bounds);
        declared.await.map_err(refused)?;
        let bound = channel.queue_bind(
            queue.as_str().into(),
            exchange,
            pattern,
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        bound.await.map_err(|error| of_queue(&queue, &error))?;
        let bounded = channel.basic_qos(PREFETCH, BasicQosOptions::default());
        bounded.await.map_err(|error| unreachable(words(&error)))?;
        let stream = channel.basic_consume(
            queue.as_str().into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        stream.await.map_err(|error| of_queue(&queue, &error))
    }
}

impl Tail {
    /// The next event; a message that is no event has its text under `undecodable`. Cancel-safe.
    ///
    /// # Errors
    /// [`BrokerError::Unreachable`] when the connection is lost; then watch anew.
    pub async fn next(&mut self) -> Result<Envelope, BrokerError> {
        let lost = "the connection was lost while watching; watch anew";
        let delivery = match self.stream.next().await {
            Some(Ok(delivery)) => delivery,
            Some(Err(error)) => return Err(unreachable(words(&error))),
            None => return Err(unreachable(lost)),
        };
        let (raw, acker) = Raw::of(delivery);
        // Not awaited, so that no event is lost when the caller turns away; a lost connection shows at the next one.
        tokio::spawn(async move { ack(&acker).await });
        Ok(shown(&raw))
    }

    /// Stops watching.
    pub async fn close(self) {
        // The queue goes with it, or with the connection.
        self.settings.close(&self.channel).await;
    }
}
