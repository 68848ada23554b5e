//! The worker: takes events from a queue and runs the handlers that subscribe to them.
//!
//! What becomes of an event, handler by handler:
//!
//! | the handler | then |
//! |---|---|
//! | returns a value | done; for an RPC the value is the answer |
//! | declares an error | done; the error is the answer |
//! | fails and `autoretry_for` covers it, or asks for a retry | runs again after the options' delay, alone; dead letter after `max_retries` |
//! | fails otherwise, panics, rejects, cannot read the event | dead letter at once |
//! | exceeds its `time_limit` | dropped; dead letter at once, as Celery's `TimeLimitExceeded` is not retried |
//! | takes the process down | delivered again; dead letter after `crash_limit` times |
//!
//! An event of a version that no handler of this service takes is acknowledged and counted. One of a topic to which
//! none subscribes (a binding that outlived its handler) becomes a dead letter, and so does a *retry* for a handler
//! that this service no longer has, or one that comes after the event's `expires`: a failure must not vanish with a
//! rename, nor with time. Whatever became of it, a caller is answered `no_handlers`, as by celery-salt.

mod answers;
mod builder;
mod delivery;
mod error;
mod function;
mod health;
mod in_process;
mod intake;
mod part;
mod queues;
mod rate;
mod retry;
mod room;
mod run;
mod runner;
mod service;
#[cfg(feature = "signal")]
mod signal;
mod table;
mod tasks;

pub use builder::WorkerBuilder;
pub use error::WorkerError;
pub use function::{HandlerFn, handler_fn};
pub use health::{Health, HealthSnapshot, WorkerState};
pub use in_process::{InProcess, InProcessBuilder};
pub use retry::{Jitter, RandomJitter, SeededJitter};
pub use run::Worker;
pub use runner::{Fault, Outcome, Runner};
#[cfg(feature = "signal")]
pub use signal::shutdown_signal;
pub use table::HandlerTable;

pub(crate) use tasks::Placement;
