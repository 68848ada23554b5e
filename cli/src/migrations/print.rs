//! `celerysalt migrations print`.

use std::io::{self, Write};
use std::process::ExitCode;

use celerysalt_migrations::{down_sql_after, up_sql_after};

use crate::args::PrintArgs;
use crate::error::InputError;

/// Prints the SQL of the steps that are asked for.
///
/// # Errors
/// Standard output that cannot be written.
pub(crate) fn run(args: &PrintArgs) -> Result<ExitCode, InputError> {
    let dialect = args.dialect.into();
    let sql = if args.down {
        down_sql_after(dialect, args.after)
    } else {
        up_sql_after(dialect, args.after)
    };
    let written = io::stdout().lock().write_all(sql.as_bytes());
    written.map_err(InputError::Output)?;
    Ok(ExitCode::SUCCESS)
}
