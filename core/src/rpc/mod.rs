//! Requests that wait for an answer.
//!
//! ```no_run
//! # use celerysalt::event::{Event, Mode, Request};
//! # use serde::{Serialize, Deserialize}; use schemars::JsonSchema;
//! # #[derive(Serialize, Deserialize, JsonSchema)] struct Add { a: i64, b: i64 }
//! # impl Event for Add { const TOPIC: &'static str = "math.add"; const VERSION: &'static str = "v1";
//! #     const NAME: &'static str = "Add"; const MODE: Mode = Mode::Rpc; }
//! # impl Request for Add { type Response = i64; type Error = String; }
//! # async fn f(client: celerysalt::rpc::RpcClient) {
//! use std::time::Duration;
//! use celerysalt::rpc::{Call, CallError};
//!
//! match (Add { a: 2, b: 3 }).call(&client, Duration::from_secs(5)).await {
//!     Ok(sum) => println!("{sum}"),
//!     Err(CallError::Declared(error)) => println!("the handler says no: {error}"),
//!     Err(error) => println!("no answer: {error}"),
//! }
//! # }
//! ```

mod answer;
mod backend;
mod call;
pub mod conformance;
mod contract;
mod error;
mod memory;
mod refusal;

pub use answer::{Answer, AnswerError, HandlerAnswer, HandlerResult};
pub use backend::{PendingAnswer, ResultBackend, ResultError, SharedResultBackend};
pub use call::{Call, RpcClient};
pub use contract::Mismatch;
pub use error::CallError;
pub use memory::MemoryResults;

pub(crate) use contract::check_linked;
