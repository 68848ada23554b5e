//! Results over RabbitMQ pass the suite that every result backend passes, as far as it goes for one that keeps no answers.
//!
//! Over direct reply-to an answer has its way only from the request that was published, so that calls ask that way (`calls.rs`).
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use celerysalt::rpc::SharedResultBackend;
use celerysalt::rpc::conformance::Subject;
use celerysalt_amqp::{AmqpBroker, AmqpResults};

use support::Mesh;

/// Two processes: each has a connection of its own.
struct OverRabbit {
    mesh: Mesh,
    other: AmqpBroker,
    caller: AmqpResults,
    worker: AmqpResults,
}

impl Subject for OverRabbit {
    async fn fresh() -> Self {
        let mesh = Mesh::new();
        let other = Mesh::builder(&mesh.mark).build();
        Self {
            caller: AmqpResults::new(&mesh.broker),
            worker: AmqpResults::new(&other),
            mesh,
            other,
        }
    }

    fn caller(&self) -> SharedResultBackend {
        Arc::new(self.caller.clone())
    }

    fn worker(&self) -> SharedResultBackend {
        Arc::new(self.worker.clone())
    }

    async fn close(self) {
        self.other.close().await;
        self.mesh.remove(&[]).await;
    }
}

celerysalt::results_conformance!(OverRabbit: carries);
