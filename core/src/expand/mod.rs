//! What the macros' expansions call. Reached through `celerysalt::__private` only.

pub mod decimal;
pub mod outcome;
mod retry;
mod run;
pub mod topic;

pub use retry::{AutoRetry, ErrorTest, any_error, is_error};
pub use run::{def, run_blocking};

use schemars::JsonSchema;
use serde_json::Value;

/// The reader's schema of a type.
pub fn schema_of<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}
