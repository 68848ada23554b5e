//! What a save does to one field, as history tells it.

use serde_json::Value as Json;

use super::compare::equal;
use super::holds::Sight;
use super::path::Path;
use super::view::View;
use crate::model::{Change, ModelDef, Operation, Row};

/// A field's value before and after a save.
#[derive(Debug, PartialEq)]
pub(crate) struct Moved {
    /// Null when there was no row.
    pub(crate) old: Json,
    /// Null when there is no row any more.
    pub(crate) new: Json,
    /// Whether rules would say that it changed.
    pub(crate) changed: bool,
}

impl Moved {
    /// `None` when the model has no such field, or one of a type that cannot be looked at.
    pub(crate) fn of(model: &ModelDef, change: &Change<'_>, field: &str) -> Option<Self> {
        let (path, _) = Path::resolve(model, field).ok()?;
        let sight = Sight::of(change);
        Some(Self {
            old: sight.old.map_or(Json::Null, |row| path.json(row)),
            new: match change.operation {
                Operation::Delete => Json::Null,
                Operation::Insert | Operation::Update => path.json(sight.this),
            },
            changed: sight.changed(&path),
        })
    }
}

/// Whether any field differs between the rows, as rules compare.
pub(crate) fn any_differs(model: &ModelDef, old: &Row, new: &Row) -> bool {
    let differs = |at| !equal(View::of(old.value(at)), View::of(new.value(at)));
    (0..model.fields().len()).any(differs)
}
