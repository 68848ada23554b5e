//! The command line.

use std::path::PathBuf;

use celerysalt::model::Operation;
use celerysalt_migrations::Dialect;
use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::call::{self, CallArgs};
use crate::completions::CompletionsArgs;
use crate::dlq::DlqCommand;
use crate::help::{EXIT_CODES, examples};
use crate::outbox::OutboxCommand;
use crate::publish::{self, PublishArgs};
use crate::tail::{self, TailArgs};

/// Looks after the rules, tables, events, dead letters and outbox of CelerySalt.
#[derive(Debug, Parser)]
#[command(name = "celerysalt", version, after_long_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Rules: what is wrong with them, and what they would do.
    Rules {
        #[command(subcommand)]
        command: RulesCommand,
    },
    /// Migrations: the tables that CelerySalt needs.
    Migrations {
        #[command(subcommand)]
        command: MigrationsCommand,
    },
    /// Dead letters: what handlers gave up, in a queue or in the outbox.
    Dlq {
        #[command(subcommand)]
        command: DlqCommand,
    },
    /// The outbox: events that wait for their delivery.
    Outbox {
        #[command(subcommand)]
        command: OutboxCommand,
    },
    /// Publish an event, confirmed by RabbitMQ. One that no queue is bound for is an error.
    #[command(after_long_help = examples(&publish::EXAMPLES))]
    Publish(PublishArgs),
    /// Call a service (RPC) and print its answer as JSON, or the error that it declares.
    #[command(after_long_help = examples(&call::EXAMPLES))]
    Call(CallArgs),
    /// Watch events as they are published, one a line: time, topic, version, id, data.
    ///
    /// Services miss nothing of what is watched. But while somebody watches, an event that no service is bound for counts as
    /// routed: relays and publishers do not report it, nor keep it for a later subscriber.
    #[command(after_long_help = examples(&tail::EXAMPLES))]
    Tail(TailArgs),
    /// Print a script that completes this command in a shell, as in: source <(celerysalt completions bash).
    Completions(CompletionsArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Check rules against a model: one line per error.
    ///
    /// Exits with 0 when all is well, 1 when a rule has an error, 2 when a file cannot be used (a rules
    /// file that is not a JSON array included).
    Check(CheckArgs),
    /// Evaluate rules on one change of one row: one JSON line per event that fires.
    ///
    /// Exits with 0 when evaluated, whatever fired, and 2 when a file cannot be used. Rules that are
    /// broken are skipped, with a warning on standard error.
    Eval(EvalArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum MigrationsCommand {
    /// Print the SQL that makes the tables, for psql, mysql, sqlite3 or the files of another migration tool.
    ///
    /// Every statement may run again on a database that already has what it makes.
    Print(PrintArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PrintArgs {
    /// The database's kind of SQL; mysql is MariaDB's too.
    #[arg(long, value_enum)]
    pub(crate) dialect: DialectArg,
    /// Print the SQL that takes the tables back instead. It deletes them with their data.
    #[arg(long)]
    pub(crate) down: bool,
    /// Only the steps after this one: those that an update of CelerySalt has brought.
    #[arg(long, value_name = "VERSION", default_value_t = 0, hide_default_value = true,
          value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) after: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DialectArg {
    Postgres,
    Mysql,
    Sqlite,
}

impl From<DialectArg> for Dialect {
    fn from(dialect: DialectArg) -> Self {
        match dialect {
            DialectArg::Postgres => Dialect::Postgres,
            DialectArg::Mysql => Dialect::Mysql,
            DialectArg::Sqlite => Dialect::Sqlite,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) files: Files,
}

/// The files that both commands read.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// The model: {"name": "order", "fields": {"status": "string", "paid_at": "datetime?"}}.
    ///
    /// Types: string, int, float, decimal, bool, uuid, datetime, local_datetime, date, time, json; a `?`
    /// behind a type makes the field nullable.
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,
    /// The rules: a JSON array, as in an `on_change_rules` column.
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: PathBuf,
    /// The events that exist: an object of topic to JSON Schema. Without it every event is accepted.
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    #[command(flatten)]
    pub(crate) files: Files,
    /// The row before the change: a JSON object. Left out for an insert.
    ///
    /// A field that is left out is null, so that only those need to be written that the rules look at.
    #[arg(long, value_name = "FILE")]
    pub(crate) old: Option<PathBuf>,
    /// The row after the change: a JSON object. May be left out for a delete.
    ///
    /// A field that is left out is as in the old row: a field that a save does not write is unchanged.
    #[arg(long, value_name = "FILE")]
    pub(crate) new: Option<PathBuf>,
    /// What is done to the row; by default an update when there is an old row, else an insert.
    #[arg(long, value_enum)]
    pub(crate) op: Option<Op>,
    /// Also say of every rule whether it fired, and why.
    #[arg(long)]
    pub(crate) explain: bool,
    /// The time of the change, in RFC 3339; by default now.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) now: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Op {
    Insert,
    Update,
    Delete,
}

impl From<Op> for Operation {
    fn from(op: Op) -> Self {
        match op {
            Op::Insert => Operation::Insert,
            Op::Update => Operation::Update,
            Op::Delete => Operation::Delete,
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}; write it as 2026-01-31T12:00:00Z")]
struct BadInstant(#[from] chrono::ParseError);

fn instant(text: &str) -> Result<DateTime<Utc>, BadInstant> {
    Ok(DateTime::parse_from_rfc3339(text)?.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
