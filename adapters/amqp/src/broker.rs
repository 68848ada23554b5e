//! The broker port over RabbitMQ.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use celerysalt::broker::{Broker, BrokerError, Consumer, PublishError, QueueSpec};
use celerysalt::event::Envelope;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;

use crate::anew::{Declared, DeclaredByQueue};
use crate::consumer::AmqpConsumer;
use crate::delay::LEVELS;
use crate::failure::{of_queue, short, unreachable, words};
use crate::held::HeldHere;
use crate::link::Link;
use crate::message::Message;
use crate::publish::{Publishing, Refusal};
use crate::settings::{AmqpBuilder, Settings, SettingsError, URL_VARIABLE};
use crate::topology::{Declaring, check_name, delay_exchange};
use crate::wire;

/// RabbitMQ in Celery's wire format: the broker of a mesh of Rust and Python services. Clones share everything.
///
/// It connects when it is first used, and again when a connection is lost; publishing and consuming have a connection
/// each. What is published is confirmed by RabbitMQ; what no queue is bound for is reported as unroutable.
///
/// ```no_run
/// use std::sync::Arc;
/// use celerysalt::worker::Worker;
/// use celerysalt_amqp::AmqpBroker;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let broker = AmqpBroker::from_env()?.service("mails").build();
/// Worker::builder(Arc::new(broker), "mails").build()?.run(async { tokio::signal::ctrl_c().await.unwrap_or(()) }).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct AmqpBroker(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) settings: Arc<Settings>,
    pub(crate) publishing: Publishing,
    pub(crate) publish_link: Arc<Link>,
    pub(crate) consume_link: Link,
    pub(crate) held: HeldHere,
    pub(crate) delays: Declared,
    pub(crate) dead_letters: DeclaredByQueue,
}

impl AmqpBroker {
    /// Sets up a broker at this URL.
    ///
    /// # Errors
    /// [`SettingsError::Url`].
    pub fn builder(url: &str) -> Result<AmqpBuilder, SettingsError> {
        AmqpBuilder::new(url)
    }

    /// Sets up the broker that `CELERYSALT_RABBITMQ_URL` names, for the service that `CELERYSALT_SERVICE` names.
    ///
    /// # Errors
    /// [`SettingsError`] when there is no URL, or none that can be read.
    pub fn from_env() -> Result<AmqpBuilder, SettingsError> {
        let url = std::env::var(URL_VARIABLE).map_err(|_| SettingsError::NoUrl)?;
        let builder = Self::builder(&url)?;
        Ok(match std::env::var("CELERYSALT_SERVICE") {
            Ok(service) if !service.is_empty() => builder.service(service),
            _ => builder,
        })
    }

    pub(crate) fn new(settings: Settings) -> Self {
        let settings = Arc::new(settings);
        let publish_link = Arc::new(Link::new(Arc::clone(&settings), "publish"));
        Self(Arc::new(Shared {
            publishing: Publishing::new(Arc::clone(&publish_link), Arc::clone(&settings)),
            publish_link,
            consume_link: Link::new(Arc::clone(&settings), "consume"),
            held: HeldHere::default(),
            delays: Declared::default(),
            dead_letters: DeclaredByQueue::default(),
            settings,
        }))
    }

    /// Whether the exchange of the events is there. Unlike publishing and consuming, this declares nothing.
    ///
    /// # Errors
    /// [`BrokerError::Unreachable`]; [`BrokerError::Queue`] with RabbitMQ's words when it does not answer that.
    pub async fn exchange_exists(&self) -> Result<bool, BrokerError> {
        let channel = self.0.publish_link.channel().await?;
        let declaring = Declaring {
            channel: &channel,
            settings: &self.0.settings,
        };
        let exists = declaring.finds_events().await?;
        // A refusal has closed it already.
        self.0.settings.close(&channel).await;
        Ok(exists)
    }

    /// Declares the delays once a connection, and anew each time that workers declare: not for each of a process with many,
    /// and not waited for, since it takes a hundred round trips during which nothing would be handed out.
    async fn declare_delays(&self) -> Result<(), BrokerError> {
        let now = Instant::now();
        let recently = now.checked_sub(self.0.settings.declare_every / 2);
        let recently = recently.unwrap_or(now);
        let connection = self.0.consume_link.connection().await?;
        if !self.0.delays.over(&connection).await {
            return self.0.declare_delays(recently).await;
        }
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            if let Err(error) = shared.declare_delays(recently).await {
                tracing::warn!(%error, "could not declare the delays anew");
            }
        });
        Ok(())
    }

    /// Closes its connections. What consumers hold goes back to its queues.
    pub async fn close(&self) {
        self.0.consume_link.close().await;
        self.0.publish_link.close().await;
    }
}

impl std::fmt::Debug for AmqpBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AmqpBroker")
            .field(&self.0.settings.place())
            .finish()
    }
}

impl Shared {
    /// As [`send_on`](Self::send_on), for many at once; the results stand in their order.
    pub(crate) async fn send_all_on(
        &self,
        queue: &str,
        messages: Vec<Message>,
    ) -> Vec<Result<(), BrokerError>> {
        let sent = self.publishing.publish(messages).await.into_iter();
        sent.map(|sent| sent.map_err(|refusal| not_sent_on(queue, refusal)))
            .collect()
    }
}

pub(crate) fn not_sent_on(queue: &str, refusal: Refusal) -> BrokerError {
    match refusal {
        Refusal::Unroutable => BrokerError::Queue {
            queue: queue.to_owned(),
            reason:
                "it is gone, or no longer bound; the worker declares it anew when it connects again"
                    .to_owned(),
        },
        Refusal::NoExchange(reason) | Refusal::TooLarge(reason) | Refusal::Unconfirmed(reason) => {
            unreachable(reason)
        }
    }
}

#[async_trait]
impl Broker for AmqpBroker {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Result<(), PublishError>> {
        let settings = &self.0.settings;
        let origin = settings.origin();
        let exchange = match short("name of an exchange", &settings.exchange) {
            Ok(exchange) => exchange,
            Err(error) => return batch.iter().map(|_| Err(misnamed(&error))).collect(),
        };
        let encoded = batch.iter().map(|envelope| {
            let outgoing = wire::encode(envelope, settings.dialect_of(&envelope.topic), &origin)?;
            Ok(Message {
                exchange: exchange.clone(),
                routing_key: envelope.topic.as_str().into(),
                properties: outgoing.properties,
                body: outgoing.body,
            })
        });
        let encoded: Vec<Result<Message, wire::EncodeError>> = encoded.collect();
        let messages = encoded
            .iter()
            .filter_map(|message| message.as_ref().ok().cloned())
            .collect();
        let mut confirmed = self.0.publishing.publish(messages).await.into_iter();
        let results = encoded
            .into_iter()
            .zip(batch)
            .map(|(message, envelope)| match message {
                Ok(_) => confirmed
                    .next()
                    .unwrap_or_else(|| Err(unconfirmed()))
                    .map_err(|refusal| refused(refusal, envelope)),
                Err(error) => Err(PublishError::Invalid {
                    reason: error.to_string(),
                }),
            });
        results.collect()
    }

    fn declare_every(&self) -> Option<Duration> {
        Some(self.0.settings.declare_every)
    }

    fn system(&self) -> &'static str {
        "rabbitmq"
    }

    async fn declare(&self, queue: &QueueSpec) -> Result<(), BrokerError> {
        self.declare_delays().await?;
        let channel = self.0.consume_link.channel().await?;
        Declaring {
            channel: &channel,
            settings: &self.0.settings,
        }
        .service(queue)
        .await
    }

    async fn unbind(&self, queue: &str, patterns: &[String]) -> Result<(), BrokerError> {
        check_name(queue)?;
        let channel = self.0.consume_link.channel().await?;
        Declaring {
            channel: &channel,
            settings: &self.0.settings,
        }
        .unbind(queue, patterns)
        .await
    }

    async fn consume(
        &self,
        queue: &str,
        prefetch: usize,
    ) -> Result<Box<dyn Consumer>, BrokerError> {
        // Retries go back to it by way of the delays.
        check_name(queue)?;
        short(
            "name of a delay",
            &delay_exchange(&self.0.settings.delays, LEVELS),
        )?;
        let channel = self.0.consume_link.channel().await?;
        let prefetch = u16::try_from(prefetch).unwrap_or(u16::MAX);
        let opening = async {
            let bounded = channel.basic_qos(prefetch, BasicQosOptions::default());
            bounded.await.map_err(|error| unreachable(words(&error)))?;
            let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
            let stream = channel.basic_consume(queue.into(), "".into(), options, none);
            let stream = stream.await.map_err(|error| of_queue(queue, &error))?;
            // A channel that ended before lapin knew the consumer did not tell it.
            match channel.status().connected() {
                true => Ok(stream),
                false => Err(unreachable("the channel is gone")),
            }
        };
        let stream = self.0.settings.asked(&channel, queue, opening).await?;
        Ok(Box::new(AmqpConsumer::new(
            Arc::clone(&self.0),
            queue,
            channel,
            stream,
        )))
    }
}

fn unconfirmed() -> Refusal {
    Refusal::Unconfirmed("the publisher gave no result".to_owned())
}

/// The settings are at fault, not the event: it waits until they are mended.
fn misnamed(error: &BrokerError) -> PublishError {
    PublishError::Refused {
        reason: error.to_string(),
        after: Some(AFTER_REFUSAL),
    }
}

fn refused(refusal: Refusal, envelope: &Envelope) -> PublishError {
    match refusal {
        Refusal::Unroutable => PublishError::Unroutable {
            topic: envelope.topic.clone(),
        },
        Refusal::TooLarge(reason) => PublishError::Invalid { reason },
        Refusal::NoExchange(reason) | Refusal::Unconfirmed(reason) => PublishError::Refused {
            reason,
            after: Some(AFTER_REFUSAL),
        },
    }
}

/// A broker that refuses or is gone is not asked again at once.
const AFTER_REFUSAL: Duration = Duration::from_millis(500);
