//! The types of a model file.

use celerysalt::value::FieldType;

const TYPES: [(&str, FieldType); 11] = [
    ("string", FieldType::Text),
    ("int", FieldType::Int),
    ("float", FieldType::Float),
    ("decimal", FieldType::Decimal),
    ("bool", FieldType::Bool),
    ("uuid", FieldType::Uuid),
    ("datetime", FieldType::DateTime),
    ("local_datetime", FieldType::LocalDateTime),
    ("date", FieldType::Date),
    ("time", FieldType::Time),
    ("json", FieldType::Json),
];

/// The names that a model file may use.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    TYPES.iter().map(|(name, _)| *name)
}

/// The type of this name.
pub(super) fn by_name(name: &str) -> Option<FieldType> {
    let found = TYPES.iter().find(|(known, _)| *known == name);
    found.map(|(_, ty)| ty.clone())
}

/// A type's name in a model file.
pub(super) fn name(ty: &FieldType) -> &'static str {
    let found = TYPES.iter().find(|(_, known)| known == ty);
    // A model file has no other types.
    found.map_or("json", |(name, _)| name)
}
