//! The conformance kit of the broker port: the semantics of delivery, as cases to run against every broker.
//!
//! Brokers keep their own time, so a case waits for what must come, at most [`PATIENCE`], and looks at instants for what
//! must not come too early. What is only to be seen before an instant is tried again with a later one, where the machine
//! was too slow for it.
//!
//! ```
//! # use std::sync::Arc;
//! # use celerysalt::broker::{DeadLetters, MemoryBroker, SharedBroker, conformance::Subject};
//! struct Mine(MemoryBroker);
//!
//! impl Subject for Mine {
//!     async fn fresh() -> Self { Self(MemoryBroker::default()) }
//!     fn broker(&self) -> SharedBroker { Arc::new(self.0.clone()) }
//!     fn dead(&self) -> Arc<dyn DeadLetters> { Arc::new(self.0.clone()) }
//!     fn unique(&self, name: &str) -> String { name.to_owned() }
//!     async fn close(self) {}
//! }
//!
//! celerysalt::broker_conformance!(Mine);
//! # fn main() {}
//! ```
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod dead;
mod holding;
mod routing;
mod stopping;
mod waiting;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::{BrokerError, Consumer, DeadLetters, DeadReason, Delivery, QueueSpec, SharedBroker};
use crate::event::{Envelope, Meta};

pub use dead::dead_letters_are_listed_replayed_and_purged;
pub use holding::{
    a_dropped_consumer_gives_back, consumers_share_a_queue, higher_priority_goes_first,
    prefetch_bounds_what_is_held, what_is_not_settled_comes_back_counted,
};
pub use routing::{
    bindings_are_taken_away, declares_idempotently, envelopes_come_back_whole,
    every_bound_queue_gets_one_copy, exactly_the_unroutable_are_reported,
};
pub use stopping::a_stopped_consumer_gives_back_and_settles_on;
pub use waiting::{
    a_requeue_is_not_counted, a_requeue_may_wait, a_retry_is_for_one_handler,
    an_eta_waits_in_the_broker, what_has_expired_is_still_delivered,
};

/// How long a case waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A broker for one case.
pub trait Subject: Sized {
    /// Makes it.
    fn fresh() -> impl Future<Output = Self>;
    /// The broker.
    fn broker(&self) -> SharedBroker;
    /// Its dead letters.
    fn dead(&self) -> Arc<dyn DeadLetters>;
    /// A name of this case's own, for a queue or the first word of a topic: without dots or wildcards.
    fn unique(&self, name: &str) -> String;
    /// Cleans up.
    fn close(self) -> impl Future<Output = ()>;
}

/// Makes a test of every case, for a [`Subject`].
#[macro_export]
macro_rules! broker_conformance {
    ($subject:ty) => {
        $crate::broker_conformance!($subject:
            every_bound_queue_gets_one_copy, exactly_the_unroutable_are_reported, declares_idempotently,
            bindings_are_taken_away,
            envelopes_come_back_whole, higher_priority_goes_first, prefetch_bounds_what_is_held,
            what_is_not_settled_comes_back_counted, a_dropped_consumer_gives_back, an_eta_waits_in_the_broker,
            a_retry_is_for_one_handler, a_requeue_is_not_counted, a_requeue_may_wait,
            what_has_expired_is_still_delivered,
            dead_letters_are_listed_replayed_and_purged, consumers_share_a_queue,
            a_stopped_consumer_gives_back_and_settles_on,
        );
    };
    ($subject:ty: $($case:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            use $crate::broker::conformance::Subject;
            let subject = <$subject>::fresh().await;
            $crate::broker::conformance::$case(&subject).await;
            subject.close().await;
        }
    )*};
}

/// One queue, with events of a topic of its own.
struct Bench {
    broker: SharedBroker,
    queue: String,
    word: String,
}

impl Bench {
    async fn new(subject: &impl Subject) -> Self {
        let bench = Self {
            broker: subject.broker(),
            queue: subject.unique("svc"),
            word: subject.unique("order"),
        };
        bench
            .declare(&bench.queue, &[&format!("{}.#", bench.word)])
            .await
            .unwrap();
        bench
    }

    async fn declare(&self, queue: &str, bindings: &[&str]) -> Result<(), BrokerError> {
        let bindings = bindings
            .iter()
            .map(|binding| (*binding).to_owned())
            .collect();
        let spec = QueueSpec {
            name: queue.to_owned(),
            bindings,
            max_priority: 10,
        };
        self.broker.declare(&spec).await
    }

    fn event(&self, rest: &str) -> Envelope {
        Envelope {
            id: Uuid::now_v7(),
            topic: format!("{}.{rest}", self.word),
            version: Some("v1".to_owned()),
            payload: json!({"name": rest}),
            meta: Meta::default(),
        }
    }

    async fn publish(&self, envelope: Envelope) -> Envelope {
        self.broker
            .publish(std::slice::from_ref(&envelope))
            .await
            .remove(0)
            .unwrap();
        envelope
    }

    async fn consume(&self, prefetch: usize) -> Box<dyn Consumer> {
        self.broker.consume(&self.queue, prefetch).await.unwrap()
    }
}

async fn next(consumer: &mut Box<dyn Consumer>) -> Delivery {
    let delivery = tokio::time::timeout(PATIENCE, consumer.next()).await;
    delivery
        .expect("a delivery comes in time")
        .expect("the consumer goes on")
}

/// That nothing comes, for a moment.
async fn assert_quiet(consumer: &mut Box<dyn Consumer>) {
    let moment = Duration::from_millis(200);
    if let Ok(delivery) = tokio::time::timeout(moment, consumer.next()).await {
        panic!("{:?} came", delivery.map(|delivery| delivery.envelope));
    }
}

fn name(delivery: &Delivery) -> &str {
    delivery.envelope.payload["name"].as_str().unwrap()
}

fn dead(handler: &str, error: &str) -> DeadReason {
    DeadReason {
        handler: Some(handler.to_owned()),
        attempts: 4,
        error: error.to_owned(),
    }
}
