//! The in-memory broker passes the suite that every broker passes.

use std::sync::Arc;

use celerysalt::broker::conformance::Subject;
use celerysalt::broker::{DeadLetters, MemoryBroker, SharedBroker};

struct InMemory(MemoryBroker);

impl Subject for InMemory {
    async fn fresh() -> Self {
        Self(MemoryBroker::default())
    }

    fn broker(&self) -> SharedBroker {
        Arc::new(self.0.clone())
    }

    fn dead(&self) -> Arc<dyn DeadLetters> {
        Arc::new(self.0.clone())
    }

    fn unique(&self, name: &str) -> String {
        name.to_owned()
    }

    async fn close(self) {
        self.0.close();
    }
}

celerysalt::broker_conformance!(InMemory);
