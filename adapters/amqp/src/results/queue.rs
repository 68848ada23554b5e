//! A queue of a caller's own for its answers, as Celery's `rpc://` has it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};

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

/// The queue, which lives as long as its connection. With the next comes another one of another name: RabbitMQ may not
/// have noticed yet that the connection is lost, and keeps the queue for that alone.
pub(super) struct ReplyQueue {
    name: Lock<String>,
    listening: Mutex<Listening>,
}

#[derive(Default)]
struct Listening {
    /// Whether the queue was declared, or may have been.
    declared: bool,
    listener: Option<Listener>,
}

/// Who listens; ends when it is dropped.
struct Listener {
    ended: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Tells that the listener has ended, however it does.
struct Ends {
    ended: Arc<AtomicBool>,
    waiting: Waiting,
}

impl Drop for Ends {
    /// Whoever waits from now on finds no listener and starts one; whoever waited before learns that it is lost.
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        self.waiting.lost();
    }
}

impl ReplyQueue {
    pub(super) fn new() -> Self {
        Self {
            name: Lock::new(new_name()),
            listening: Mutex::default(),
        }
    }

    /// Its name now; another one after a connection was lost.
    pub(super) fn name(&self) -> String {
        self.lock().clone()
    }

    /// Listens, if nobody does.
    pub(super) async fn listen(
        &self,
        broker: &Shared,
        waiting: &Waiting,
    ) -> Result<(), ResultError> {
        let mut listening = self.listening.lock().await;
        let is_there = |listener: &Listener| !listener.ended.load(Ordering::SeqCst);
        if listening.listener.as_ref().is_some_and(is_there) {
            return Ok(());
        }
        if listening.declared {
            *self.lock() = new_name();
        }
        listening.declared = true;
        let mut stream = self.open(broker).await?;
        let ended = Arc::new(AtomicBool::new(false));
        let ends = Ends {
            ended: Arc::clone(&ended),
            waiting: waiting.clone(),
        };
        let task = tokio::spawn(async move {
            while let Some(Ok(delivery)) = stream.next().await {
                ends.waiting.hear(&delivery);
            }
        });
        listening.listener = Some(Listener { ended, task });
        Ok(())
    }

    async fn open(&self, broker: &Shared) -> Result<lapin::Consumer, ResultError> {
        let channel = broker.consume_link.channel().await;
        let channel = channel.map_err(|error| unreachable(error.to_string()))?;
        let name = self.name();
        let opening = consume(&channel, &name);
        let opened = broker.settings.asked(&channel, &name, opening).await;
        opened.map_err(|error| unreachable(error.to_string()))
    }

    fn lock(&self) -> MutexGuard<'_, String> {
        self.name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn new_name() -> String {
    format!("celerysalt.reply.{}", Uuid::new_v4().simple())
}

async fn consume(channel: &Channel, name: &str) -> Result<lapin::Consumer, BrokerError> {
    let own = QueueDeclareOptions {
        exclusive: true,
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
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
