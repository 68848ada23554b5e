//! Results in memory pass the suite that every result backend passes.

use std::sync::Arc;

use celerysalt::rpc::conformance::Subject;
use celerysalt::rpc::{MemoryResults, SharedResultBackend};

struct InMemory(MemoryResults);

impl Subject for InMemory {
    async fn fresh() -> Self {
        Self(MemoryResults::default())
    }

    fn caller(&self) -> SharedResultBackend {
        Arc::new(self.0.clone())
    }

    fn worker(&self) -> SharedResultBackend {
        Arc::new(self.0.clone())
    }

    async fn close(self) {}
}

celerysalt::results_conformance!(InMemory);
