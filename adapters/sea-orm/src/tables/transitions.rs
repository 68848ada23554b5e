//! `celerysalt_transitions`.

use celerysalt::history::Transition;
use celerysalt::model::Operation;
use sea_orm::{ConnectionTrait, DbErr, Value};

use super::{Rows, id, instant};

/// Adds transitions to the history.
pub(super) async fn insert<C: ConnectionTrait>(
    db: &C,
    transitions: &[Transition],
) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let values = |transition: &Transition| {
        Ok(vec![
            id(backend, transition.id),
            transition.model.clone().into(),
            transition.aggregate.clone().into(),
            operation(transition.operation).into(),
            transition.field.clone().into(),
            json(&transition.old),
            json(&transition.new),
            transition.rule_id.clone().into(),
            id(backend, transition.event_id),
            transition.actor.clone().into(),
            instant(backend, transition.at),
            transition.correlation_id.clone().into(),
        ])
    };
    let rows = Rows {
        table: "celerysalt_transitions",
        columns: &[
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
        rows: transitions,
        values: &values,
    };
    rows.insert(db).await
}

fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Insert => "insert",
        Operation::Update => "update",
        Operation::Delete => "delete",
    }
}

/// Null stands for none.
fn json(value: &serde_json::Value) -> Value {
    Value::Json((!value.is_null()).then(|| Box::new(value.clone())))
}
