//! Answers of calls over RabbitMQ itself: Celery's `rpc://` result backend, and direct reply-to.

mod direct;
mod queue;
mod waiting;

use std::sync::Arc;

use async_trait::async_trait;
use celerysalt::event::Envelope;
use celerysalt::rpc::{Answer, PendingAnswer, ResultBackend, ResultError};
use lapin::BasicProperties;
use lapin::types::ShortString;
use uuid::Uuid;

pub(crate) use self::direct::{DIRECT_REPLY_TO, Hearing};
use self::queue::ReplyQueue;
pub(crate) use self::waiting::Waiting;
use self::waiting::unreachable;
use crate::broker::{AmqpBroker, Shared};
use crate::message::Message;
use crate::publish::Refusal;

/// Carries answers over RabbitMQ in Celery's result format: a request names as `reply_to` where its answer goes, and
/// workers, in Rust or in Python with `result_backend = "rpc://"`, publish it there.
///
/// A worker answers whatever a request names. A caller names a queue of its own ([`new`](Self::new)), or RabbitMQ's direct
/// reply-to ([`direct`](Self::direct)). An answer is lost with the broker, or with the caller whom it would be for; the
/// caller sees an error or a timeout. Clones share everything.
#[derive(Clone)]
pub struct AmqpResults(Arc<Inner>);

struct Inner {
    broker: Arc<Shared>,
    waiting: Waiting,
    way: Way,
}

/// How answers come to this process's callers.
enum Way {
    Queue(ReplyQueue),
    Direct,
}

impl AmqpResults {
    /// Answers come over a queue of this process's own, as Celery's `rpc://` has it. Requests may be published by any
    /// connection, or from an outbox.
    pub fn new(broker: &AmqpBroker) -> Self {
        Self(Arc::new(Inner {
            broker: Arc::clone(&broker.0),
            waiting: Waiting::default(),
            way: Way::Queue(ReplyQueue::new()),
        }))
    }

    /// Answers come over direct reply-to (`amq.rabbitmq.reply-to`): without a queue, which saves RabbitMQ work where callers
    /// come and go. RabbitMQ sends an answer back over the channel of its request, so requests must be published by this
    /// broker, or a clone of it.
    pub fn direct(broker: &AmqpBroker) -> Self {
        Self(Arc::new(Inner {
            broker: Arc::clone(&broker.0),
            waiting: broker.0.publishing.hear_answers(),
            way: Way::Direct,
        }))
    }
}

#[async_trait]
impl ResultBackend for AmqpResults {
    async fn expect(&self, request: Uuid) -> Result<PendingAnswer, ResultError> {
        let Inner {
            broker,
            waiting,
            way,
        } = &*self.0;
        // First of all, so that a connection that is lost from here on is told to this caller, too.
        let pending = waiting.wait(request);
        if let Way::Queue(queue) = way {
            queue.listen(broker, waiting).await?;
        }
        // Whoever waits has a share in it, or nobody would listen for the last ones.
        let shared = self.clone();
        Ok(Box::pin(async move {
            let answer = pending.await;
            drop(shared);
            answer
        }))
    }

    async fn store(&self, request: &Envelope, answer: &Answer) -> Result<(), ResultError> {
        let broker = &self.0.broker;
        let Some(reply_to) = request.meta.reply_to.as_deref() else {
            tracing::info!(request = %request.id, "the caller names no `reply_to`; its answer is dropped");
            return Ok(());
        };
        let Ok(routing_key) = ShortString::try_new(reply_to) else {
            tracing::info!(request = %request.id, "no queue has so long a name as its `reply_to`; the answer is dropped");
            return Ok(());
        };
        let id = request.task_id();
        let body = answer.to_task_result(&id, &request.topic, broker.settings.clock.now());
        let body = body.to_string().into_bytes();
        let bytes = body.len();
        let reply = Message {
            exchange: "".into(),
            routing_key,
            properties: correlated(request),
            body,
        };
        match broker.publishing.publish_one(reply).await {
            Ok(()) => Ok(()),
            // So RabbitMQ says of every direct reply-to, also of one that it has delivered.
            Err(Refusal::Unroutable) if reply_to.starts_with(DIRECT_REPLY_TO) => Ok(()),
            Err(Refusal::Unroutable) => {
                tracing::info!(request = %request.id, "the caller is gone; its answer is dropped");
                Ok(())
            }
            Err(Refusal::TooLarge(reason)) => Err(ResultError::TooLarge { bytes, reason }),
            Err(Refusal::NoExchange(reason) | Refusal::Unconfirmed(reason)) => {
                Err(unreachable(reason))
            }
        }
    }

    fn reply_to(&self) -> Option<String> {
        Some(match &self.0.way {
            Way::Queue(queue) => queue.name(),
            Way::Direct => DIRECT_REPLY_TO.to_owned(),
        })
    }
}

/// An answer's properties: it is known by the request's correlation id, as Celery has it.
fn correlated(request: &Envelope) -> BasicProperties {
    let id = request.task_id();
    let known_by = request.meta.reply_id.as_deref().unwrap_or(&id);
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_content_encoding("utf-8".into())
        // Its own, by which it is known when it is returned.
        .with_message_id(Uuid::new_v4().to_string().into());
    // One that is too long for AMQP cannot have come from there.
    match ShortString::try_new(known_by) {
        Ok(known_by) => properties.with_correlation_id(known_by),
        Err(_) => properties,
    }
}
