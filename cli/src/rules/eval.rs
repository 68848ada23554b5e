//! `celerysalt rules eval`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use celerysalt::chain::Chain;
use celerysalt::clock::{Clock, SystemClock};
use celerysalt::event::Envelope;
use celerysalt::model::{Change, ModelDef, Operation, Row};
use celerysalt::rules::{self, Env, RuleSets, Rules, Verdict};
use serde::Serialize;
use serde_json::Value as Json;

use crate::args::EvalArgs;
use crate::error::InputError;
use crate::input;

/// Prints the events that a change fires, and with `--explain` what became of every rule.
///
/// # Errors
/// Files that cannot be used.
pub(crate) fn run(args: &EvalArgs) -> Result<ExitCode, InputError> {
    let model = input::model::read(&args.files.model)?;
    let schemas = input::events::read(args.files.events.as_deref())?;
    let rules = input::rules(&args.files.rules)?;
    let rows = Rows::read(args, &model)?;
    let sets = RuleSets {
        row: &rules,
        others: &[],
    };
    let chain = Chain::default();
    let env = Env {
        now: args.now.unwrap_or_else(|| SystemClock.now()),
        chain: &chain,
        schemas: schemas.as_ref(),
    };
    let change = rows.change();
    let evaluation = rules::evaluate(&model, &change, &sets, &env)?;
    for error in evaluation.broken.iter().flat_map(|broken| &broken.errors) {
        eprintln!("warning: {}", error.to_string().replace('\n', " "));
    }
    let mut lines = Lines(io::stdout().lock());
    for event in &evaluation.events {
        lines.print(&Fired::new(event, &rules))?;
    }
    if args.explain {
        for verdict in &rules::explain(&model, &change, &sets, &env) {
            lines.print(&Explained::new(verdict))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The rows of the change.
struct Rows {
    operation: Operation,
    old: Option<Row>,
    new: Row,
}

impl Rows {
    fn read(args: &EvalArgs, model: &ModelDef) -> Result<Self, InputError> {
        let read = |path: &Option<PathBuf>, before| {
            let path = path.as_deref();
            path.map(|p| input::rows::read(p, model, before))
                .transpose()
        };
        let old = read(&args.old, None)?;
        let new = read(&args.new, old.as_ref())?;
        let default = if old.is_some() {
            Operation::Update
        } else {
            Operation::Insert
        };
        let operation = args.op.map_or(default, Operation::from);
        let missing = |op, what| InputError::MissingRow { op, what };
        let (old, new) = match (operation, old, new) {
            (Operation::Insert, Some(_), _) => return Err(InputError::OldOnInsert),
            (Operation::Insert, None, new) => {
                (None, new.ok_or_else(|| missing("an insert", "--new"))?)
            }
            (Operation::Update, Some(old), Some(new)) => (Some(old), new),
            (Operation::Update, ..) => return Err(missing("an update", "both --old and --new")),
            (Operation::Delete, old, new) => {
                // The row that goes is the old one; there is no other.
                let row = old
                    .or(new)
                    .ok_or_else(|| missing("a delete", "--old, the row that goes"))?;
                (Some(row.clone()), row)
            }
        };
        Ok(Self {
            operation,
            old,
            new,
        })
    }

    fn change(&self) -> Change<'_> {
        Change {
            operation: self.operation,
            old: self.old.as_ref(),
            new: &self.new,
            aggregate: "",
        }
    }
}

/// The line of an event.
#[derive(Serialize)]
struct Fired<'a> {
    rule: &'a str,
    event_class: &'a str,
    data: &'a Json,
}

impl<'a> Fired<'a> {
    fn new(event: &'a Envelope, rules: &'a Rules) -> Self {
        let id = event.meta.rule_id.as_deref().unwrap_or_default();
        // As the rule has it: perhaps a type's name, where the event has its topic.
        let event_class = rules
            .get(id)
            .map_or(event.topic.as_str(), |rule| &rule.event_class);
        Self {
            rule: id,
            event_class,
            data: &event.payload,
        }
    }
}

/// The line of a verdict.
#[derive(Serialize)]
struct Explained<'a> {
    rule: &'a str,
    fired: bool,
    reason: &'a str,
}

impl<'a> Explained<'a> {
    fn new(verdict: &'a Verdict) -> Self {
        Self {
            rule: &verdict.rule_id,
            fired: verdict.fired,
            reason: &verdict.reason,
        }
    }
}

struct Lines<W>(W);

impl<W: Write> Lines<W> {
    fn print(&mut self, line: &impl Serialize) -> Result<(), InputError> {
        serde_json::to_writer(&mut self.0, line).map_err(|e| InputError::Output(e.into()))?;
        writeln!(self.0).map_err(InputError::Output)
    }
}
