//! What a save does to one field, as history tells it.

use serde_json::Value as Json;

use super::holds::Sight;
use super::path::Path;
use crate::model::{Change, ModelDef, Operation};

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
