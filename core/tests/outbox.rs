//! The outbox in memory passes the conformance kit.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use celerysalt::outbox::conformance::Subject;
use celerysalt::outbox::{DeadLetterStore, MemoryOutbox, SharedOutbox};

struct Memory(MemoryOutbox);

impl Subject for Memory {
    async fn fresh() -> Self {
        Self(MemoryOutbox::new())
    }

    fn store(&self) -> SharedOutbox {
        Arc::new(self.0.clone())
    }

    fn dead(&self) -> Arc<dyn DeadLetterStore> {
        Arc::new(self.0.clone())
    }

    async fn close(self) {}
}

celerysalt::outbox_conformance!(Memory);
