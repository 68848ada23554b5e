//! Running programs.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitStatus, Output};

use crate::error::Error;

/// Announces and runs a command with this program's own input and output; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let status = status(command)?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Failed {
        command: line(command),
        status,
    })
}

/// Announces and runs a command with this program's own input and output.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus, Error> {
    eprintln!("$ {}", line(command));
    command.status().map_err(|source| Error::Spawn {
        command: line(command),
        source,
    })
}

/// Runs a command quietly and gives what it printed; anything but success is an error that shows the output.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, Error> {
    let output = command.output().map_err(|source| Error::Spawn {
        command: line(command),
        source,
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Error::FailedWith {
        command: line(command),
        status: output.status,
        output: everything(&output),
    })
}

/// Removes the variables of this program's own environment that a command must not see.
pub(crate) fn forget_variables(command: &mut Command, forgotten: impl Fn(&str) -> bool) {
    let own = env::vars_os().map(|(key, _)| key);
    for key in own.filter(|key| key.to_str().is_some_and(&forgotten)) {
        command.env_remove(key);
    }
}

/// The command as one would type it: the program's file name and its arguments.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(word).collect::<Vec<_>>().join(" ")
}

fn word(text: &OsStr) -> String {
    let text = text.to_string_lossy();
    if text.is_empty() || text.contains(char::is_whitespace) {
        return format!("'{text}'");
    }
    text.into_owned()
}

fn everything(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    format!("{}{}", stdout, stderr).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_typed() {
        let mut command = Command::new("/some/where/psql");
        command.args(["-c", "select 1", ""]);
        assert_eq!(line(&command), "psql -c 'select 1' ''");
    }

    #[test]
    fn a_failure_shows_what_was_printed() {
        let failure = output(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]));
        assert!(matches!(
            failure,
            Err(Error::FailedWith { status, output, .. })
                if status.code() == Some(3) && output == "out\nerr"
        ));
    }

    #[test]
    fn a_missing_program_is_named() {
        let failure = output(&mut Command::new("no-such-program-here"));
        assert!(
            matches!(failure, Err(Error::Spawn { command, .. }) if command == "no-such-program-here")
        );
    }
}
