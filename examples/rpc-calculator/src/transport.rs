//! Where requests and answers travel.

use std::error::Error;
use std::sync::Arc;

use celerysalt::broker::{MemoryBroker, SharedBroker};
use celerysalt::rpc::{MemoryResults, SharedResultBackend};
use celerysalt_amqp::{AmqpBroker, AmqpResults};
use celerysalt_redis::RedisResults;

/// The broker and the result backend of a program.
pub struct Transport {
    pub broker: SharedBroker,
    pub results: SharedResultBackend,
    pub name: &'static str,
}

impl Transport {
    /// RabbitMQ where `CELERYSALT_RABBITMQ_URL` is set, with answers in Redis where `CELERYSALT_REDIS_URL` is set and else
    /// over RabbitMQ itself. Without either, all in memory: then server and client are one process.
    pub fn from_env(service: &str) -> Result<Self, Box<dyn Error>> {
        if std::env::var_os(celerysalt_amqp::URL_VARIABLE).is_none() {
            return Ok(Self::in_memory());
        }
        let broker = AmqpBroker::from_env()?.service(service).build();
        let (results, name): (SharedResultBackend, _) =
            match std::env::var_os(celerysalt_redis::URL_VARIABLE) {
                Some(_) => (
                    Arc::new(RedisResults::from_env()?.build()),
                    "RabbitMQ, answers in Redis",
                ),
                None => (
                    Arc::new(AmqpResults::new(&broker)),
                    "RabbitMQ, answers over RabbitMQ",
                ),
            };
        Ok(Self {
            broker: Arc::new(broker),
            results,
            name,
        })
    }

    fn in_memory() -> Self {
        Self {
            broker: Arc::new(MemoryBroker::default()),
            results: Arc::new(MemoryResults::default()),
            name: "memory",
        }
    }
}
