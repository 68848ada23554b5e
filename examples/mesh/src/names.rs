//! Names of a run's own at the broker, so that it meets no other mesh.

use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Connection, ConnectionProperties};
use uuid::Uuid;

/// The names of one run.
pub struct Names(String);

impl Names {
    pub fn new() -> Self {
        Self(format!("mesh-{}", Uuid::new_v4().simple()))
    }

    pub fn exchange(&self) -> &str {
        &self.0
    }

    pub fn queue(&self, service: &str) -> String {
        format!("{}-{service}", self.0)
    }

    /// Removes what these services have declared. A mesh that lives on would keep it.
    pub async fn remove(&self, url: &str, services: &[&str]) -> lapin::Result<()> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        for service in services {
            let queue = self.queue(service);
            for queue in [format!("{queue}.dead"), queue] {
                channel
                    .queue_delete(queue.into(), QueueDeleteOptions::default())
                    .await?;
            }
        }
        let exchange = self.exchange().into();
        channel
            .exchange_delete(exchange, ExchangeDeleteOptions::default())
            .await?;
        connection.close(200, "the run is over".into()).await
    }
}
