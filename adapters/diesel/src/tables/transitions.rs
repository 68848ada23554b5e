//! `celerysalt_transitions`.

use celerysalt::history::Transition;
use celerysalt::model::Operation;
use diesel::result::QueryResult;
use serde_json::Value as Json;

use super::{Cell, Columns, Insert, Kind};
use crate::backend::FollowBackend;
use crate::session::Session;

const TRANSITIONS: Columns = Columns {
    table: "celerysalt_transitions",
    names: &[
        "id",
        "model",
        "aggregate",
        "operation",
        "field",
        "old_value",
        "new_value",
        "rule_id",
        "event_id",
        "actor",
        "at",
        "correlation_id",
    ],
};

/// Writes the history of a save.
pub(crate) async fn insert_transitions<S: Session>(
    transitions: &[Transition],
    session: &mut S,
) -> QueryResult<()> {
    let rows = transitions.iter().map(row::<S::Backend>).collect();
    Insert::run(&TRANSITIONS, rows, session).await?;
    Ok(())
}

fn row<DB: FollowBackend>(transition: &Transition) -> Vec<Cell> {
    vec![
        Cell::id(transition.id),
        Cell::text(transition.model.clone()),
        Cell::text(transition.aggregate.clone()),
        Cell::text(operation(transition.operation).to_owned()),
        Cell::text(transition.field.clone()),
        value(&transition.old),
        value(&transition.new),
        Cell::text(transition.rule_id.clone()),
        Cell::of(Kind::Id, transition.event_id.map(|id| id.to_string())),
        Cell::text(transition.actor.clone()),
        Cell::instant::<DB>(transition.at),
        Cell::text(transition.correlation_id.clone()),
    ]
}

/// None is null, whether the row was not there or the field was null.
fn value(value: &Json) -> Cell {
    Cell::json((!value.is_null()).then(|| value.to_string()))
}

fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Insert => "insert",
        Operation::Update => "update",
        Operation::Delete => "delete",
    }
}
