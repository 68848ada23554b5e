//! CelerySalt on RabbitMQ over lapin, in the wire format of Celery.
//!
//! [`AmqpBroker`] is the core's [`Broker`](celerysalt::broker::Broker): publishers, relays and workers take it as they
//! take the one in memory. Services in Python on celery-salt or tchu-tchu see one more service of theirs.
//!
//! | at the broker | what it is |
//! |---|---|
//! | exchange `tchu_events` (topic) | all events, by topic |
//! | queue *service* | one a service, bound by its handlers' patterns |
//! | exchange `celerysalt_dead`, queue *service*`.dead` | what handlers gave up and what is no event, with error, attempts, origin and time in its headers |
//! | exchanges and queues `celerysalt_delayed_0` to `_27`, exchange `celerysalt_delayed_delivery` | what waits: a retry, an `eta`, a rate limit |

mod acknowledge;
mod anew;
mod asking;
mod broker;
mod consumer;
mod dead;
mod delay;
mod failure;
mod held;
mod link;
mod message;
mod onward;
mod publish;
mod results;
mod round;
mod settings;
mod settle;
mod tail;
mod tls;
mod topology;
mod window;
pub mod wire;

pub use broker::AmqpBroker;
pub use dead::LookedThrough;
pub use results::AmqpResults;
pub use settings::{AmqpBuilder, QueueKind, SettingsError, URL_VARIABLE};
pub use tail::Tail;
