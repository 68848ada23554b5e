//! Explanation: why each rule fires at a change, or why not.

use super::Operator;
use super::compile::{Compiled, Slot};
use super::document::Edge;
use super::evaluate::{Env, RuleSets};
use super::fire::{Firing, Misfire, Origin};
use super::holds::{Compares, Sight};
use super::judge::Why;
use super::test::{Prepared, Term, Test};
use crate::model::{Change, ModelDef, Operation};

/// What becomes of one rule at a change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// The rule; its position, like `#3`, when its id cannot be read.
    pub rule_id: String,
    /// The field it looks at.
    pub field: String,
    /// Whether it fires.
    pub fired: bool,
    /// One sentence: `did not fire: amount 80.00 is not gt 100.00`.
    pub reason: String,
}

/// Says of each rule whether it fires at this change, and why: the same rules in the same order as
/// [`evaluate`](super::evaluate()), also those that are broken, switched off or expired.
///
/// Where evaluation as a whole fails (a chain too deep), the rules that would have fired say so.
pub fn explain(
    model: &ModelDef,
    change: &Change<'_>,
    rules: &RuleSets<'_>,
    env: &Env<'_>,
) -> Vec<Verdict> {
    let firing = Firing::new(model, change, env);
    let mut verdicts = Vec::new();
    for (origin, rules) in rules.all(model) {
        let compiled = rules.compiled(model);
        let slots = compiled.slots.iter().enumerate();
        verdicts.extend(slots.map(|(i, slot)| verdict(&firing, origin, i, slot)));
    }
    verdicts
}

fn verdict(firing: &Firing<'_>, origin: Origin, position: usize, slot: &Slot) -> Verdict {
    match slot {
        Slot::Rule(compiled) => {
            let said = say(firing, origin, compiled);
            Verdict {
                rule_id: compiled.rule.id.clone(),
                field: compiled.rule.field_name.clone(),
                fired: said.is_ok(),
                reason: match said {
                    Ok(why) => format!("fired: {why}"),
                    Err(why) => format!("did not fire: {why}"),
                },
            }
        }
        Slot::Broken { rule, field, .. } => Verdict {
            rule_id: rule.id.clone().unwrap_or_else(|| format!("#{position}")),
            field: field.clone(),
            fired: false,
            reason: format!("did not fire: the rule is broken: {}", rule.errors),
        },
    }
}

/// The reason why a rule fires, or why it does not.
fn say(firing: &Firing<'_>, origin: Origin, compiled: &Compiled) -> Result<String, String> {
    let sight = Sight::of(firing.change);
    let operation = firing.change.operation;
    let judged = compiled.judge(operation, sight, firing.env.now);
    judged.map_err(|why| why_not(&why, compiled, operation, sight))?;
    match firing.fire(compiled, origin) {
        Ok(_) => Ok(why(compiled, operation, sight)),
        Err(Misfire::AlreadyFired) => {
            Err("it has fired for this row in this chain of events already".to_owned())
        }
        Err(Misfire::Broken(errors)) => Err(format!("the rule is broken: {errors}")),
        Err(Misfire::TooDeep(error)) => Err(error.to_string()),
    }
}

fn why(compiled: &Compiled, operation: Operation, sight: Sight<'_>) -> String {
    let test = &compiled.test;
    let field = &test.path.name;
    let new = test.path.of(sight.this);
    let holds = is_so(test, sight, "is");
    match (compiled.rule.edge, sight.compares, sight.old) {
        (Edge::Level, ..) => format!("{field} {new} {holds}"),
        (Edge::Enter, Compares::Rows, _) => format!("{field} {new} {holds} and was not before"),
        (_, Compares::Rows, Some(old)) => {
            let old = test.path.of(old);
            format!("{field} changed from {old} to {new} and {holds}")
        }
        _ => format!("{} with {field} {new}, which {holds}", named(operation)),
    }
}

fn why_not(why: &Why<'_>, compiled: &Compiled, operation: Operation, sight: Sight<'_>) -> String {
    let field = &compiled.test.path.name;
    match why {
        Why::Disabled => "it is not enabled".to_owned(),
        Why::Expired(at) => format!("it expired at {}", at.to_rfc3339()),
        Why::Operation => {
            let on: Vec<&str> = compiled.rule.on.iter().map(|op| name(*op)).collect();
            format!(
                "it is looked at on {}, not on {}",
                on.join(", "),
                name(operation)
            )
        }
        Why::Unchanged => format!("{field} did not change"),
        Why::NotSo => fails(&compiled.test, sight),
        Why::HeldBefore => {
            let holds = is_so(&compiled.test, sight, "was");
            format!("{field} {holds} before, so it entered nothing")
        }
        Why::Leaves => "a delete enters nothing".to_owned(),
        Why::WasNot(was) => {
            let (old, is_not) = (was.subject(sight), is_so(was, sight, "which is not"));
            match sight.old {
                Some(_) => format!("{field} was {old}, {is_not}"),
                None => format!("there is no old row, so {field} was {old}, {is_not}"),
            }
        }
        Why::Guard(path, Some(test)) => {
            format!("the guard `{path}` does not hold: {}", fails(test, sight))
        }
        Why::Guard(path, None) => format!("the guard `{path}` does not hold"),
    }
}

/// `amount 80.00 is not gt 100.00`
fn fails(test: &Test, sight: Sight<'_>) -> String {
    let field = &test.path.name;
    let value = test.subject(sight);
    let old = if test.on_old { "old " } else { "" };
    let holds = is_so(test, sight, "is not");
    match (test.operator.compares_rows(), sight.compares, sight.old) {
        (true, Compares::Rows, Some(before)) => {
            let before = test.path.of(before);
            format!("{field} went from {before} to {value} and {holds}")
        }
        _ => format!("{old}{field} {value} {holds}"),
    }
}

/// `is gt 100.00`
fn is_so(test: &Test, sight: Sight<'_>, is: &str) -> String {
    let operator = test.operator;
    match &test.operand {
        Prepared::Nothing => match operator {
            Operator::IsNull => format!("{is} null"),
            Operator::NotNull if is == "is not" => "is null".to_owned(),
            Operator::NotNull => format!("{is} not null"),
            operator => format!("{is} {operator}"),
        },
        Prepared::One(term) => format!("{is} {operator} {}", shown(term, sight)),
        Prepared::Range(low, high) => {
            format!(
                "{is} {operator} {} and {}",
                shown(low, sight),
                shown(high, sight)
            )
        }
        Prepared::List(terms) => format!("{is} {operator} {}", list(terms, sight)),
        Prepared::Pattern(regex) => format!(
            "{is} {operator} {:?}",
            super::view::shortened(regex.as_str())
        ),
    }
}

fn shown(term: &Term, sight: Sight<'_>) -> String {
    let value = term.value(sight);
    match term {
        Term::Literal(_) => value.to_string(),
        Term::Field(path) => format!("{} {value}", path.name),
        Term::Old(path) => format!("old {} {value}", path.name),
    }
}

fn list(terms: &[Term], sight: Sight<'_>) -> String {
    const SHOWN: usize = 8;
    let mut items: Vec<String> = terms
        .iter()
        .take(SHOWN)
        .map(|term| shown(term, sight))
        .collect();
    if terms.len() > SHOWN {
        items.push(format!("… {} more", terms.len() - SHOWN));
    }
    format!("[{}]", items.join(", "))
}

fn named(operation: Operation) -> &'static str {
    match operation {
        Operation::Insert => "the row is inserted",
        Operation::Update => "the row is saved",
        Operation::Delete => "the row is deleted",
    }
}

fn name(operation: Operation) -> &'static str {
    match operation {
        Operation::Insert => "insert",
        Operation::Update => "update",
        Operation::Delete => "delete",
    }
}
