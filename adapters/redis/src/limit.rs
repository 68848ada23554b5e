//! What Redis never takes: a value that is too long for it.
//!
//! It closes the connection over such a value, mostly before it has read it all. That looks like any other loss of a
//! connection, so Redis is asked how long a value may be.

use std::collections::HashMap;

use celerysalt::rpc::ResultError;
use redis::aio::ConnectionManager;
use tokio::time::timeout;

use crate::settings::Settings;

/// Redis's setting.
const LIMIT: &str = "proto-max-bulk-len";
/// What that is unless told, in bytes.
const UNLESS_TOLD: usize = 512 * 1024 * 1024;
/// The least that Redis lets it be.
const LEAST: usize = 1024 * 1024;
/// The connection over which the value was sent may be found lost by the first question only.
const TRIES: usize = 2;

/// Why a value of so many bytes was not stored: that it is too long, or else as it seemed.
pub(crate) async fn why(
    bytes: usize,
    seemed: ResultError,
    commands: ConnectionManager,
    settings: &Settings,
) -> ResultError {
    if bytes <= LEAST {
        return seemed;
    }
    match longest(commands, settings).await {
        Some(most) if bytes > most => ResultError::TooLarge {
            bytes,
            reason: format!(
                "Redis at {} takes {most}: answer with less and keep what is large elsewhere, or raise its `{LIMIT}`",
                settings.place()
            ),
        },
        _ => seemed,
    }
}

/// How many bytes a value may have; nothing where Redis is not there to be asked. One that may not be asked has the usual
/// limit, as managed ones do.
async fn longest(mut commands: ConnectionManager, settings: &Settings) -> Option<usize> {
    let mut asking = redis::cmd("CONFIG");
    asking.arg("GET").arg(LIMIT);
    for _ in 0..TRIES {
        let asked = asking.query_async::<HashMap<String, usize>>(&mut commands);
        match timeout(settings.timeout, asked).await {
            Ok(Ok(told)) => return Some(told.get(LIMIT).copied().unwrap_or(UNLESS_TOLD)),
            Ok(Err(error)) if matches!(error.code(), Some("NOPERM" | "ERR")) => {
                return Some(UNLESS_TOLD);
            }
            _ => {}
        }
    }
    None
}
