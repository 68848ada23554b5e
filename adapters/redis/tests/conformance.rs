//! Results in Redis pass the suite that every result backend passes.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use celerysalt::rpc::SharedResultBackend;
use celerysalt::rpc::conformance::Subject;
use celerysalt_redis::RedisResults;
use uuid::Uuid;

/// Two processes: each has a connection of its own.
struct InRedis {
    caller: RedisResults,
    worker: RedisResults,
}

impl Subject for InRedis {
    async fn fresh() -> Self {
        let url = std::env::var("CELERYSALT_TEST_REDIS_URL").expect(
            "CELERYSALT_TEST_REDIS_URL names a Redis; `cargo xtask services up` starts one",
        );
        let prefix = format!("t{}:", Uuid::new_v4().simple());
        let results = || {
            let builder = RedisResults::builder(&url).unwrap();
            let builder = builder.global_keyprefix(&prefix);
            builder.result_expires(Duration::from_secs(600)).build()
        };
        Self {
            caller: results(),
            worker: results(),
        }
    }

    fn caller(&self) -> SharedResultBackend {
        Arc::new(self.caller.clone())
    }

    fn worker(&self) -> SharedResultBackend {
        Arc::new(self.worker.clone())
    }

    /// What is left goes with its time.
    async fn close(self) {}
}

celerysalt::results_conformance!(InRedis);
