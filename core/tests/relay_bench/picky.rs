//! A broker that refuses.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use celerysalt::broker::{Broker, BrokerError, Consumer, PublishError, QueueSpec, SharedBroker};
use celerysalt::event::Envelope;
use celerysalt::outbox::ToBroker;

use super::{PLAIN, numbers};

/// A broker that refuses some numbers and takes down what it is sent.
#[derive(Default)]
pub struct Picky {
    pub refused: Mutex<HashSet<u64>>,
    pub invalid: HashSet<u64>,
    pub batches: Mutex<Vec<Vec<u64>>>,
    pub after: Option<Duration>,
}

impl Picky {
    pub fn refusing(numbers: &[u64]) -> Arc<Self> {
        Arc::new(Self {
            refused: Mutex::new(numbers.iter().copied().collect()),
            ..Self::default()
        })
    }

    pub fn batches(&self) -> Vec<Vec<u64>> {
        std::mem::take(&mut self.batches.lock().unwrap())
    }
}

#[async_trait]
impl Broker for Picky {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Result<(), PublishError>> {
        let sent = numbers(batch);
        let refused = self.refused.lock().unwrap();
        let answer = |number: &u64| match refused.contains(number) {
            _ if self.invalid.contains(number) => Err(PublishError::Invalid {
                reason: "no object".to_owned(),
            }),
            false => Ok(()),
            true => Err(PublishError::Refused {
                reason: "nack".to_owned(),
                after: self.after,
            }),
        };
        let answers = sent.iter().map(answer).collect();
        self.batches.lock().unwrap().push(sent);
        answers
    }

    async fn declare(&self, _: &QueueSpec) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn unbind(&self, _: &str, _: &[String]) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn consume(&self, _: &str, _: usize) -> Result<Box<dyn Consumer>, BrokerError> {
        panic!("the relay consumes nothing")
    }
}

pub fn to(broker: SharedBroker) -> ToBroker {
    ToBroker::new(broker).with_backoff(PLAIN)
}
