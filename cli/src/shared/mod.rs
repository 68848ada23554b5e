//! What several commands have in common.

pub(crate) mod broker;
pub(crate) mod confirm;
pub(crate) mod database;
pub(crate) mod event;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod url;
pub(crate) mod when;

use std::process::ExitCode;

use crate::failure::Failure;

/// Runs a command that waits for servers.
pub(crate) fn block_on(
    command: impl Future<Output = Result<ExitCode, Failure>>,
) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    runtime.block_on(command)
}
