//! Results of calls in Redis, in the format of Celery's Redis result backend.
//!
//! [`RedisResults`] is the core's [`ResultBackend`](celerysalt::rpc::ResultBackend): give it to a worker, so that its answers
//! are found, and to an `RpcClient`, so that it finds them. Services in Python see the results of one more Celery worker.

mod limit;
mod results;
mod settings;

pub use results::RedisResults;
pub use settings::{RedisResultsBuilder, SettingsError, URL_VARIABLE};
