//! What the commands read.

pub(crate) mod events;
pub(crate) mod model;
pub(crate) mod rows;
mod types;

use std::path::Path;

use celerysalt::json::{keep_digits, kind};
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
        Json::Array(mut entries) => {
            entries.iter_mut().enumerate().for_each(name_by_position);
            Ok(Rules::from_value(Json::Array(entries)))
        }
        other => Err(text.wrong_shape(&other, "an array of rules")),
    }
}

/// Gives a rule without an id its position, from 0, by which the output names it: nobody would find a random id in the file.
fn name_by_position((index, entry): (usize, &mut Json)) {
    let Json::Object(rule) = entry else { return };
    let is_named = rule.get("id").is_some_and(|id| !id.is_null());
    if rule.contains_key("operator") && !is_named {
        rule.insert("id".to_owned(), format!("#{index}").into());
    }
}
