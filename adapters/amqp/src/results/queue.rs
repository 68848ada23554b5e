//! A queue of a caller's own for its answers, as Celery's `rpc://` has it.

use std::sync::Arc;

use celerysalt::broker::BrokerError;
use celerysalt::rpc::ResultError;
use futures::StreamExt;
use lapin::Channel;
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::waiting::{Waiting, unreachable};
use crate::broker::Shared;
use crate::failure::of_queue;

/// The queue, which lives as long as its connection, and is made anew with the next.
pub(super) struct ReplyQueue {
    pub(super) name: String,
    /// Who listens. With the runtime that it was started on it ends untold.
    listening: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl ReplyQueue {
    pub(super) fn new() -> Self {
        Self {
            name: format!("celerysalt.reply.{}", Uuid::new_v4().simple()),
            listening: Arc::default(),
        }
    }

    /// Listens, if nobody does.
    pub(super) async fn listen(
        &self,
        broker: &Shared,
        waiting: &Waiting,
    ) -> Result<(), ResultError> {
        let mut listening = self.listening.lock().await;
        if listening
            .as_ref()
            .is_some_and(|listener| !listener.is_finished())
        {
            return Ok(());
        }
        let mut stream = self.open(broker).await?;
        let (state, waiting) = (Arc::clone(&self.listening), waiting.clone());
        *listening = Some(tokio::spawn(async move {
            while let Some(Ok(delivery)) = stream.next().await {
                waiting.hear(&delivery);
            }
            let mut listening = state.lock().await;
            waiting.lost();
            *listening = None;
        }));
        Ok(())
    }

    async fn open(&self, broker: &Shared) -> Result<lapin::Consumer, ResultError> {
        let channel = broker.consume_link.channel().await;
        let channel = channel.map_err(|error| unreachable(error.to_string()))?;
        let opening = self.consume(&channel);
        let opened = broker
            .settings
            .asked(&channel, "a queue for answers", opening);
        opened.await.map_err(|error| unreachable(error.to_string()))
    }

    async fn consume(&self, channel: &Channel) -> Result<lapin::Consumer, BrokerError> {
        let own = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let name = self.name.as_str();
        let declared = channel
            .queue_declare(name.into(), own, FieldTable::default())
            .await;
        declared.map_err(|error| of_queue(name, &error))?;
        let options = BasicConsumeOptions {
            no_ack: true,
            exclusive: true,
            ..BasicConsumeOptions::default()
        };
        let stream = channel
            .basic_consume(name.into(), "".into(), options, FieldTable::default())
            .await;
        stream.map_err(|error| of_queue(name, &error))
    }
}
