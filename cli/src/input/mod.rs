//! What the commands read.

pub(crate) mod events;
pub(crate) mod model;
pub(crate) mod rows;
mod types;

use std::path::Path;

use celerysalt::json::keep_digits;
use celerysalt::rules::Rules;
use serde_json::Value as Json;

use crate::error::InputError;

/// A file and its text, with the digits of wide numbers kept.
struct Text {
    file: String,
    text: String,
}

impl Text {
    fn read(path: &Path) -> Result<Self, InputError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self { text, file }),
            Err(source) => Err(InputError::Unreadable { file, source }),
        }
    }

    fn json(&self) -> Result<Json, InputError> {
        serde_json::from_str(&keep_digits(&self.text)).map_err(|source| InputError::NotJson {
            file: self.file.clone(),
            source,
        })
    }

    fn object(&self) -> Result<serde_json::Map<String, Json>, InputError> {
        match self.json()? {
            Json::Object(map) => Ok(map),
            other => Err(self.wrong_shape(&other, "an object")),
        }
    }

    fn wrong_shape(&self, found: &Json, expected: &'static str) -> InputError {
        InputError::WrongShape {
            file: self.file.clone(),
            found: kind(found),
            expected,
        }
    }
}

/// The rules of a file; entries that are no rules show as broken.
///
/// # Errors
/// A file that cannot be read or is not a JSON array.
pub(crate) fn rules(path: &Path) -> Result<Rules, InputError> {
    let text = Text::read(path)?;
    match text.json()? {
        Json::Array(_) => Ok(Rules::from_json(&text.text)),
        other => Err(text.wrong_shape(&other, "an array of rules")),
    }
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

/// Names like this one, the nearest first.
fn similar<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let allowed = (wanted.chars().count() / 3).max(1);
    let mut near: Vec<_> = names
        .map(|name| {
            (
                strsim::damerau_levenshtein(&wanted, &name.to_lowercase()),
                name,
            )
        })
        .filter(|(edits, _)| *edits <= allowed)
        .collect();
    near.sort_unstable();
    near.into_iter().map(|(_, name)| name).collect()
}

/// `did you mean …?`, or all the names there are.
fn remedy<'a>(wanted: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    match similar(wanted, names.clone()).first() {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!(
            "there are {}",
            names
                .map(|n| format!("`{n}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}
