//! A service of the test's own in RabbitMQ: an exchange, a queue, and what is in it.

use std::time::Duration;

use celerysalt::broker::{Broker, Consumer, DeadReason, Delivery, QueueSpec};
use celerysalt::event::{Envelope, Meta};
use celerysalt_amqp::AmqpBroker;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Connection, ConnectionProperties};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::command::server;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Mesh {
    pub(crate) broker: AmqpBroker,
    pub(crate) exchange: String,
    pub(crate) queue: String,
}

impl Mesh {
    /// With a queue that is bound to this pattern.
    pub(crate) async fn bound(pattern: &str) -> Self {
        let mark = Uuid::new_v4().simple();
        let exchange = format!("cli-{mark}-events");
        let broker = AmqpBroker::builder(&server("CELERYSALT_TEST_RABBITMQ_URL"))
            .unwrap()
            .exchange(&exchange)
            .build();
        let queue = format!("cli-{mark}");
        let spec = QueueSpec {
            name: queue.clone(),
            bindings: vec![pattern.to_owned()],
            max_priority: 10,
        };
        broker.declare(&spec).await.unwrap();
        Self {
            broker,
            exchange,
            queue,
        }
    }

    pub(crate) async fn publish(&self, topic: &str, payload: Json) -> Uuid {
        let envelope = Envelope {
            id: Uuid::now_v7(),
            topic: topic.to_owned(),
            version: Some("v1".to_owned()),
            payload,
            meta: Meta::default(),
        };
        let id = envelope.id;
        self.broker.publish(&[envelope]).await.remove(0).unwrap();
        id
    }

    /// Leaves so many dead letters of topic `order.paid`, one after the other; gives their events' ids.
    pub(crate) async fn dead_letters(&self, count: usize) -> Vec<Uuid> {
        let mut ids = Vec::new();
        let mut consumer = self.broker.consume(&self.queue, 1).await.unwrap();
        for number in 1..=count {
            ids.push(
                self.publish("order.paid", json!({ "order_id": number }))
                    .await,
            );
            let delivery = next(&mut *consumer).await;
            let reason = DeadReason {
                handler: Some("send_receipt".to_owned()),
                attempts: 4,
                error: format!("no customer\n{number}"),
            };
            delivery.settle.dead_letter(reason).await.unwrap();
            delivery.settle.ack().await.unwrap();
        }
        ids
    }

    /// The next message of the queue.
    pub(crate) async fn take(&self) -> Delivery {
        let mut consumer = self.broker.consume(&self.queue, 1).await.unwrap();
        let delivery = next(&mut *consumer).await;
        delivery.settle.ack().await.unwrap();
        delivery
    }

    pub(crate) async fn close(self) {
        self.broker.close().await;
        let url = server("CELERYSALT_TEST_RABBITMQ_URL");
        let connection = Connection::connect(&url, ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        for queue in [self.queue.clone(), format!("{}.dead", self.queue)] {
            let deleted = channel.queue_delete(queue.into(), QueueDeleteOptions::default());
            deleted.await.unwrap();
        }
        let exchange = self.exchange.into();
        let deleted = channel.exchange_delete(exchange, ExchangeDeleteOptions::default());
        deleted.await.unwrap();
        connection.close(200, "done".into()).await.unwrap();
    }
}

async fn next(consumer: &mut dyn Consumer) -> Delivery {
    let next = tokio::time::timeout(PATIENCE, consumer.next()).await;
    next.expect("a message comes").unwrap()
}
