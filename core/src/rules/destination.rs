//! The event that a rule names: whether it exists, and whether the model lets rules emit it.

use super::error::RuleErrorKind as Kind;
use super::view::shortened;
use crate::catalog::{EventInfo, EventSchemas};
use crate::model::ModelDef;

/// Resolves an event's name as rules write it.
pub(super) fn resolve(
    model: &ModelDef,
    schemas: &dyn EventSchemas,
    event_class: &str,
) -> Result<EventInfo, Kind> {
    let Some(info) = schemas.resolve(event_class) else {
        return Err(Kind::UnknownEvent {
            event: shortened(event_class),
            similar: schemas.similar(event_class),
        });
    };
    let Some(allowed) = model.allowed_events() else {
        return Ok(info);
    };
    let is_this = |name: &String| {
        *name == info.topic
            || schemas
                .resolve(name)
                .is_some_and(|other| other.topic == info.topic)
    };
    match allowed.iter().any(is_this) {
        true => Ok(info),
        false => Err(Kind::EventNotAllowed {
            event: event_class.to_owned(),
            model: model.name().to_owned(),
            allowed: allowed.to_vec(),
        }),
    }
}
