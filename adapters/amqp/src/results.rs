//! Answers of calls over RabbitMQ itself: Celery's `rpc://` result backend, and direct reply-to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use celerysalt::event::Envelope;
use celerysalt::rpc::{Answer, PendingAnswer, ResultBackend, ResultError};
use futures::StreamExt;
use lapin::BasicProperties;
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use serde_json::Value;
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use uuid::Uuid;

use crate::broker::{AmqpBroker, Shared};
use crate::failure::words;
use crate::message::Message;
use crate::publish::Refusal;

/// Carries answers over RabbitMQ in Celery's result format: a caller has a queue of its own, which its requests name as
/// `reply_to`; workers, in Rust or in Python with `result_backend = "rpc://"`, publish the answer there.
///
/// A worker answers whatever a request names, direct reply-to (`amq.rabbitmq.reply-to`) among it. An answer is lost with
/// the broker, or with the caller whom it would be for; the caller sees a timeout. Clones share the queue.
#[derive(Clone)]
pub struct AmqpResults(Arc<Inner>);

struct Inner {
    broker: Arc<Shared>,
    /// One a client: the answers' queue.
    queue: String,
    waiting: Mutex<HashMap<Uuid, oneshot::Sender<Result<Answer, ResultError>>>>,
    listening: AsyncMutex<bool>,
}

impl AmqpResults {
    /// Answers over this broker's connections.
    pub fn new(broker: &AmqpBroker) -> Self {
        Self(Arc::new(Inner {
            broker: Arc::clone(&broker.0),
            queue: format!("celerysalt.reply.{}", Uuid::new_v4().simple()),
            waiting: Mutex::default(),
            listening: AsyncMutex::new(false),
        }))
    }

    /// Listens on the queue of answers, made anew when its connection was lost.
    async fn listen(&self) -> Result<(), ResultError> {
        let mut listening = self.0.listening.lock().await;
        if *listening {
            return Ok(());
        }
        let stream = self.0.open().await?;
        *listening = true;
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            inner.receive(stream).await;
            *inner.listening.lock().await = false;
        });
        Ok(())
    }
}

impl Inner {
    async fn open(&self) -> Result<lapin::Consumer, ResultError> {
        let failed = |reason: String| ResultError::Unreachable { reason };
        let channel = self
            .broker
            .consume_link
            .channel()
            .await
            .map_err(|error| failed(error.to_string()))?;
        let own = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let declared = channel
            .queue_declare(self.queue.as_str().into(), own, FieldTable::default())
            .await;
        declared.map_err(|error| failed(words(&error)))?;
        let options = BasicConsumeOptions {
            no_ack: true,
            exclusive: true,
            ..BasicConsumeOptions::default()
        };
        let stream = channel
            .basic_consume(
                self.queue.as_str().into(),
                "".into(),
                options,
                FieldTable::default(),
            )
            .await;
        stream.map_err(|error| failed(words(&error)))
    }

    async fn receive(&self, mut stream: lapin::Consumer) {
        while let Some(Ok(delivery)) = stream.next().await {
            let correlated = delivery.properties.correlation_id().as_ref();
            let Some(request) = correlated.and_then(|id| Uuid::parse_str(id.as_str()).ok()) else {
                continue;
            };
            let Some(answer) = read(&delivery.data).transpose() else {
                continue;
            };
            if let Some(caller) = self.waiting().remove(&request) {
                // A caller who waits no more needs no answer.
                let _ = caller.send(answer);
            }
        }
        // Answers that are on their way now have no queue to come to: whoever waits learns it at once.
        let lost = || ResultError::Unreachable {
            reason: "the connection for answers was lost".to_owned(),
        };
        for (_, caller) in self.waiting().drain() {
            let _ = caller.send(Err(lost()));
        }
    }

    fn waiting(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<Uuid, oneshot::Sender<Result<Answer, ResultError>>>>
    {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller's place; given up when it has the answer or waits no more.
struct Place {
    inner: Arc<Inner>,
    request: Uuid,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.inner.waiting().remove(&self.request);
    }
}

#[async_trait]
impl ResultBackend for AmqpResults {
    async fn expect(&self, request: Uuid) -> Result<PendingAnswer, ResultError> {
        self.listen().await?;
        let (sender, answer) = oneshot::channel();
        self.0.waiting().insert(request, sender);
        let place = Place {
            inner: Arc::clone(&self.0),
            request,
        };
        Ok(Box::pin(async move {
            let _place = place;
            let gone = || ResultError::Unreachable {
                reason: "another caller of the same request took the answer".to_owned(),
            };
            answer.await.unwrap_or_else(|_| Err(gone()))
        }))
    }

    async fn store(&self, request: &Envelope, answer: &Answer) -> Result<(), ResultError> {
        let Some(reply_to) = request.meta.reply_to.as_deref() else {
            return Ok(());
        };
        let id = request.id.to_string();
        let body = answer.to_task_result(&id, &request.topic, self.0.broker.settings.clock.now());
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_content_encoding("utf-8".into())
            .with_correlation_id(id.as_str().into())
            .with_message_id(id.as_str().into());
        let reply = Message {
            exchange: "".into(),
            routing_key: reply_to.into(),
            properties,
            body: body.to_string().into_bytes(),
        };
        match self.0.broker.publishing.publish_one(reply).await {
            Ok(()) => Ok(()),
            Err(Refusal::Unroutable) => {
                tracing::info!(request = %request.id, "the caller is gone; its answer is dropped");
                Ok(())
            }
            Err(Refusal::Unconfirmed(reason)) => Err(ResultError::Unreachable { reason }),
        }
    }

    fn reply_to(&self) -> Option<String> {
        Some(self.0.queue.clone())
    }
}

/// The answer, if the result is final.
fn read(body: &[u8]) -> Result<Option<Answer>, ResultError> {
    let stored: Value = serde_json::from_slice(body).map_err(|error| {
        let reason = format!("it is no JSON ({:?} error)", error.classify());
        ResultError::Answer(celerysalt::rpc::AnswerError { reason })
    })?;
    Answer::from_task_result(&stored).map_err(ResultError::from)
}
