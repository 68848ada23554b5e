//! RabbitMQ passes the suite that every broker passes.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use celerysalt::broker::conformance::Subject;
use celerysalt::broker::{DeadLetters, SharedBroker};

use support::Mesh;

struct RabbitMq(Mesh);

impl Subject for RabbitMq {
    async fn fresh() -> Self {
        Self(Mesh::new())
    }

    fn broker(&self) -> SharedBroker {
        Arc::new(self.0.broker.clone())
    }

    fn dead(&self) -> Arc<dyn DeadLetters> {
        Arc::new(self.0.broker.clone())
    }

    fn unique(&self, name: &str) -> String {
        self.0.name(name)
    }

    async fn close(self) {
        let queues = ["svc", "audit", "other"].map(|name| self.0.name(name));
        self.0.remove(&queues).await;
    }
}

celerysalt::broker_conformance!(RabbitMq);
