//! Snippets of docs/mesh.md.

use std::sync::Arc;

use celerysalt::outbox::{Relay, SharedOutbox, ToBroker};
use celerysalt::publisher::Publisher;
use celerysalt::worker::Worker;
use celerysalt_amqp::AmqpBroker;
use celerysalt_amqp::wire::Dialect;
use celerysalt_redis::RedisResults;

async fn all(outbox: SharedOutbox, shutdown: impl Future<Output = ()> + Send) -> Result<(), Box<dyn std::error::Error>> {
    let broker = AmqpBroker::from_env()?.service("mails").build();        // CELERYSALT_RABBITMQ_URL
    let results = RedisResults::from_env()?.build();                      // CELERYSALT_REDIS_URL, for calls

    Worker::builder(Arc::new(broker.clone()), "mails").results(Arc::new(results)).build()?.run(shutdown).await?;
    let publisher = Publisher::to_broker(Arc::new(broker.clone()));       // at once, confirmed
    let relay = Relay::builder(outbox, Arc::new(ToBroker::new(Arc::new(broker)))).build();   // or from the outbox
    Ok(())
}

fn tchu_tchu() -> Result<(), Box<dyn std::error::Error>> {
    let broker =
        AmqpBroker::from_env()?.dialect_of("stock.#", Dialect::TchuTchu)?
    ;
    Ok(())
}
