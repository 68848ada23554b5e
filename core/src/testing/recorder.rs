//! A broker that keeps a copy of everything that is published.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::broker::{Broker, BrokerError, Consumer, MemoryBroker, PublishError, QueueSpec};
use crate::event::Envelope;

pub(super) struct Recorder {
    pub(super) broker: MemoryBroker,
    pub(super) strict: bool,
    published: Mutex<Vec<Envelope>>,
}

impl Recorder {
    pub(super) fn new(broker: MemoryBroker, strict: bool) -> Self {
        Self {
            broker,
            strict,
            published: Mutex::default(),
        }
    }

    pub(super) fn published(&self) -> MutexGuard<'_, Vec<Envelope>> {
        self.published
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Broker for Recorder {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Result<(), PublishError>> {
        let mut results = self.broker.publish(batch).await;
        for (envelope, result) in batch.iter().zip(&mut results) {
            // An RPC that nobody answers must fail; another service may listen to a broadcast.
            let elsewhere = !self.strict && !envelope.meta.is_rpc;
            if elsewhere && matches!(result, Err(PublishError::Unroutable { .. })) {
                *result = Ok(());
            }
            if result.is_ok() {
                self.published().push(envelope.clone());
            }
        }
        results
    }

    async fn declare(&self, queue: &QueueSpec) -> Result<(), BrokerError> {
        self.broker.declare(queue).await
    }

    async fn unbind(&self, queue: &str, patterns: &[String]) -> Result<(), BrokerError> {
        self.broker.unbind(queue, patterns).await
    }

    async fn consume(
        &self,
        queue: &str,
        prefetch: usize,
    ) -> Result<Box<dyn Consumer>, BrokerError> {
        self.broker.consume(queue, prefetch).await
    }
}
