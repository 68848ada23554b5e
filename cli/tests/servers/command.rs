//! Runs the command with the tests' servers in its environment.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::common::Done;

/// The test server that this variable names.
pub(crate) fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} names a server; `cargo xtask services up` starts one")
    })
}

/// The command, with RabbitMQ in its environment and nothing else of the user's.
pub(crate) fn celerysalt<S: AsRef<OsStr>>(words: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_celerysalt"));
    command
        .args(words)
        .env_remove("CELERYSALT_REDIS_URL")
        .env_remove("CELERYSALT_DATABASE_URL")
        .env(
            "CELERYSALT_RABBITMQ_URL",
            server("CELERYSALT_TEST_RABBITMQ_URL"),
        )
        .stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run<S: AsRef<OsStr>>(words: &[S]) -> Done {
    done(celerysalt(words))
}

/// The same on a terminal of its own (util-linux' `script`), which is shown all that it prints.
pub(crate) fn on_a_terminal(command: &Command) -> Command {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(|word| format!("'{}'", word.to_str().unwrap()));
    let line = words.collect::<Vec<_>>().join(" ");
    let mut terminal = Command::new("script");
    terminal
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env("TERM", "xterm")
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    terminal
}

/// Runs it with this on its standard input.
pub(crate) fn done_with_input(mut command: Command, input: &str) -> Done {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    ended(child.wait_with_output().unwrap())
}

pub(crate) fn done(mut command: Command) -> Done {
    ended(command.output().unwrap())
}

pub(crate) fn ended(output: std::process::Output) -> Done {
    Done {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Done {
    /// It ended with this code, and all of these were printed.
    #[track_caller]
    pub(crate) fn printed(&self, code: i32, texts: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{self:?}");
        for text in texts {
            assert!(self.out.contains(text), "{text}: {self:?}");
        }
        self
    }

    /// It ended with this code and one line on standard error, which says all of these.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, texts: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.starts_with("error: "), "{self:?}");
        assert_eq!(self.err.trim_end().lines().count(), 1, "{self:?}");
        for text in texts {
            assert!(self.err.contains(text), "{text}: {self:?}");
        }
        self
    }
}
