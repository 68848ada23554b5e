//! The types of a model file.

use celerysalt::value::FieldType;

/// Every type: its name in a model file, its name in words, and a value of it.
const TYPES: [(&str, FieldType, &str, &str); 11] = [
    ("string", FieldType::Text, "text", "\"paid\""),
    ("int", FieldType::Int, "an integer", "42"),
    ("float", FieldType::Float, "a float", "0.5"),
    (
        "decimal",
        FieldType::Decimal,
        "a decimal",
        "\"99.90\" or 99.90",
    ),
    ("bool", FieldType::Bool, "a boolean", "true or false"),
    (
        "uuid",
        FieldType::Uuid,
        "a UUID",
        "\"01980c2e-0000-7000-8000-000000000000\"",
    ),
    (
        "datetime",
        FieldType::DateTime,
        "an instant",
        "\"2026-01-31T12:00:00+02:00\"",
    ),
    (
        "local_datetime",
        FieldType::LocalDateTime,
        "a local date and time",
        "\"2026-01-31T12:00:00\"",
    ),
    ("date", FieldType::Date, "a date", "\"2026-01-31\""),
    ("time", FieldType::Time, "a time of day", "\"12:00:00\""),
    ("json", FieldType::Json, "JSON", "any JSON"),
];

/// The names that a model file may use.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    TYPES.iter().map(|(name, ..)| *name)
}

/// The type of this name.
pub(super) fn by_name(name: &str) -> Option<FieldType> {
    let found = TYPES.iter().find(|(known, ..)| *known == name);
    found.map(|(_, ty, ..)| ty.clone())
}

/// A type's name in a model file.
pub(super) fn name(ty: &FieldType) -> &'static str {
    entry(ty).0
}

/// A type's name in words, and how a value of it is written.
pub(super) fn words(ty: &FieldType) -> (&'static str, &'static str) {
    let (_, words, example) = entry(ty);
    (words, example)
}

/// Models come from [`by_name`], so every type is in the table.
fn entry(ty: &FieldType) -> (&'static str, &'static str, &'static str) {
    let found = TYPES.iter().find(|(_, known, ..)| known == ty);
    found.map_or(("string", "text", "\"\""), |(name, _, words, example)| {
        (name, words, example)
    })
}
