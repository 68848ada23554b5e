//! Why a worker does not start, or stops.

use crate::broker::BrokerError;
use crate::catalog::CatalogError;
use crate::topic::PatternError;

/// Why a worker does not start, or stops.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// There is nothing to run.
    #[error(
        "service `{service}` has no handlers; put `#[subscribe]` on a function, and name the crate it is in \
         (`use my_handlers as _;`) so that it is linked"
    )]
    NoHandlers {
        /// The service.
        service: String,
    },
    /// The program's events or handlers contradict each other: places and differences are named.
    #[error(transparent)]
    Catalog(CatalogError),
    /// Two handlers have one name, so retries could not tell them apart.
    #[error("two handlers are named `{name}`; give one of them another name")]
    DuplicateHandler {
        /// The name.
        name: String,
    },
    /// The worker is to take from a queue that is neither the service's own nor one of its handlers.
    #[error(
        "no handler takes from queue `{queue}`; take one of `{}`, or give a handler `queue = \"{queue}\"`",
        known.join("`, `")
    )]
    UnknownQueue {
        /// The queue.
        queue: String,
        /// The service's own queue and those of its handlers.
        known: Vec<String>,
    },
    /// A queue has an empty name, which a broker takes for a name of its own choice.
    #[error(
        "a queue has an empty name; name the service (`Worker::builder(broker, \"mails\")`), and each queue of a handler"
    )]
    UnnamedQueue,
    /// The worker is to take from no queue at all.
    #[error(
        "the worker is given no queue to take from; name one, or leave `queues` away for all of them"
    )]
    NoQueues,
    /// A handler subscribes to what is no topic pattern.
    #[error("handler `{handler}`: {source}")]
    Pattern {
        /// The handler.
        handler: String,
        /// What is wrong with the pattern.
        source: PatternError,
    },
    /// The queue cannot be used.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The process cannot listen to signals.
    #[error("cannot listen to SIGTERM and SIGINT")]
    Signal(#[source] std::sync::Arc<std::io::Error>),
}
