//! What messages pass on their way inside the mesh, and somebody may have deleted: delays, and where dead letters go. Whoever
//! misses it declares it anew at once, and of many who miss it one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Instant;

use celerysalt::broker::BrokerError;
use lapin::Connection;
use tokio::sync::Mutex;

use crate::broker::{Shared, not_sent_on};
use crate::link::Link;
use crate::message::Message;
use crate::publish::Refusal;
use crate::settings::Settings;
use crate::topology::{DEAD_EXCHANGE, Declaring, is_delay};

/// When something was declared last, and over which connection.
#[derive(Default)]
pub(crate) struct Declared(Mutex<Option<(Arc<Connection>, Instant)>>);

/// The same of the dead letters of each queue.
#[derive(Default)]
pub(crate) struct DeclaredByQueue(Lock<HashMap<String, Arc<Declared>>>);

/// A way of messages.
enum Way {
    Delays,
    DeadLetters,
}

impl Declared {
    /// Whether it was declared over this connection: a broker that was set up anew has lost it.
    pub(crate) async fn over(&self, connection: &Arc<Connection>) -> bool {
        let declared = self.0.lock().await;
        matches!(&*declared, Some((over, _)) if Arc::ptr_eq(over, connection))
    }

    /// Declares, unless that was done since an instant over the connection that is open now.
    async fn since(
        &self,
        since: Instant,
        link: &Link,
        settings: &Arc<Settings>,
        declare: impl AsyncFnOnce(Declaring<'_>) -> Result<(), BrokerError>,
    ) -> Result<(), BrokerError> {
        let connection = link.connection().await?;
        let mut declared = self.0.lock().await;
        if matches!(&*declared, Some((over, at)) if Arc::ptr_eq(over, &connection) && *at >= since)
        {
            return Ok(());
        }
        let begun = Instant::now();
        let channel = link.channel().await?;
        let declaring = Declaring {
            channel: &channel,
            settings,
        };
        declare(declaring).await?;
        *declared = Some((connection, begun));
        Ok(())
    }
}

impl DeclaredByQueue {
    fn of(&self, queue: &str) -> Arc<Declared> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(queue.to_owned()).or_default())
    }
}

impl Shared {
    /// Publishes a message on its way inside the mesh: back to a queue, into a delay, to the dead letters. What somebody has
    /// deleted of that way is declared anew.
    pub(crate) async fn send_on(&self, queue: &str, message: Message) -> Result<(), BrokerError> {
        let refused = |refusal| not_sent_on(queue, refusal);
        let Some(way) = self.way_of(&message) else {
            return self.publishing.publish_one(message).await.map_err(refused);
        };
        let begun = Instant::now();
        let sent = self.publishing.publish_one(message.clone()).await;
        if !matches!(sent, Err(Refusal::Unroutable | Refusal::NoExchange(_))) {
            return sent.map_err(refused);
        }
        match way {
            Way::Delays => self.declare_delays(begun).await?,
            Way::DeadLetters => self.declare_dead_letters(queue, begun).await?,
        }
        self.publishing.publish_one(message).await.map_err(refused)
    }

    fn way_of(&self, message: &Message) -> Option<Way> {
        match message.exchange.as_str() {
            DEAD_EXCHANGE => Some(Way::DeadLetters),
            exchange => is_delay(&self.settings.delays, exchange).then_some(Way::Delays),
        }
    }

    /// Declares the delays, unless this connection has done so since an instant.
    pub(crate) async fn declare_delays(&self, since: Instant) -> Result<(), BrokerError> {
        let declare = async |declaring: Declaring<'_>| declaring.delays().await;
        let (link, settings) = (&self.consume_link, &self.settings);
        self.delays.since(since, link, settings, declare).await
    }

    async fn declare_dead_letters(&self, queue: &str, since: Instant) -> Result<(), BrokerError> {
        let declare = async |declaring: Declaring<'_>| declaring.dead_letters(queue).await;
        let (link, settings) = (&self.consume_link, &self.settings);
        let declared = self.dead_letters.of(queue);
        declared.since(since, link, settings, declare).await
    }
}
