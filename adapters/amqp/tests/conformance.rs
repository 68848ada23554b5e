//! RabbitMQ passes the suite that every broker passes, with queues of every kind.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use celerysalt::broker::conformance::Subject;
use celerysalt::broker::{DeadLetters, SharedBroker};
use celerysalt_amqp::QueueKind;

use support::Mesh;

/// A RabbitMQ whose services declare queues of one kind.
macro_rules! queues_of {
    ($kind:expr, $subject:ident: $($cases:tt)*) => {
        struct $subject(Mesh);

        impl Subject for $subject {
            async fn fresh() -> Self {
                Self(Mesh::with(|builder| builder.queue_kind($kind)))
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

        celerysalt::broker_conformance!($subject $($cases)*);
    };
}

mod priority {
    use super::*;
    queues_of!(QueueKind::Priority, Priority:);
}

/// All but what needs priorities: their order, and the refusal of another highest one.
mod classic {
    use super::*;
    queues_of!(QueueKind::Classic, Classic:
        : every_bound_queue_gets_one_copy, exactly_the_unroutable_are_reported, envelopes_come_back_whole,
        prefetch_bounds_what_is_held, what_is_not_settled_comes_back_counted, a_dropped_consumer_gives_back,
        an_eta_waits_in_the_broker, a_retry_is_for_one_handler, a_requeue_is_not_counted, a_requeue_may_wait,
        what_has_expired_is_still_delivered, dead_letters_are_listed_replayed_and_purged, consumers_share_a_queue,
        a_stopped_consumer_gives_back_and_settles_on);
}

/// All but what needs priorities, which quorum queues of RabbitMQ 3 do not have.
mod quorum {
    use super::*;
    queues_of!(QueueKind::Quorum, Quorum:
        : every_bound_queue_gets_one_copy, exactly_the_unroutable_are_reported, envelopes_come_back_whole,
        prefetch_bounds_what_is_held, what_is_not_settled_comes_back_counted, a_dropped_consumer_gives_back,
        an_eta_waits_in_the_broker, a_retry_is_for_one_handler, a_requeue_is_not_counted, a_requeue_may_wait,
        what_has_expired_is_still_delivered, dead_letters_are_listed_replayed_and_purged, consumers_share_a_queue,
        a_stopped_consumer_gives_back_and_settles_on);
}
