//! `old.json` and `new.json`: rows.

use std::collections::BTreeMap;
use std::path::Path;

use celerysalt::json::keep_digits;
use celerysalt::model::{FieldDef, ModelDef, Row};
use celerysalt::names::remedy;
use celerysalt::rules::read_literal;
use celerysalt::value::{FieldType, Value};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::{Text, types};
use crate::error::InputError;

/// Reads a row of the model. A field that is left out is as in `before` (a field that a save does not write is
/// unchanged), and without that null.
///
/// # Errors
/// A file that cannot be read or is no object, a field that the model does not have, a null where the model
/// allows none, a value that cannot be read as its field's type.
pub(crate) fn read(path: &Path, model: &ModelDef, before: Option<&Row>) -> Result<Row, InputError> {
    let text = Text::read(path)?;
    let mut tokens = tokens(&text)?;
    let fields = model.fields().iter().enumerate();
    let values = fields.map(|(i, field)| match tokens.remove(&field.name) {
        Some(token) => value(&text, field, token.get()),
        None => Ok(before.map_or(Value::Null, |row| row.value(i).clone())),
    });
    let values = values.collect::<Result<Vec<_>, _>>()?;
    match tokens.into_keys().next() {
        None => Ok(Row::new(values)),
        Some(field) => Err(InputError::UnknownField {
            remedy: remedy(&field, model.fields().iter().map(|f| f.name.as_str())),
            file: text.file,
            field,
        }),
    }
}

/// The fields of a row as they are written, for the digits that parsing would lose.
fn tokens(text: &Text) -> Result<BTreeMap<String, Box<RawValue>>, InputError> {
    // Says of what is no object what it is.
    text.object()?;
    serde_json::from_str(&text.text).map_err(|source| InputError::NotJson {
        file: text.file.clone(),
        source,
    })
}

fn value(text: &Text, def: &FieldDef, token: &str) -> Result<Value, InputError> {
    let (file, field, ty) = (text.file.clone(), def.name.clone(), types::name(&def.ty));
    match token {
        "null" if !def.nullable => Err(InputError::NullField { file, field, ty }),
        "null" => Ok(Value::Null),
        token => {
            let json = literal(token, &def.ty).map_err(|source| InputError::NotJson {
                file: file.clone(),
                source,
            })?;
            read_literal(&json, &def.ty).map_err(|source| InputError::BadValue {
                file,
                field,
                source: Box::new(source),
            })
        }
    }
}

/// What is written, as the field's type wants it: a decimal's number as text with its digits and scale.
fn literal(token: &str, ty: &FieldType) -> Result<Json, serde_json::Error> {
    match ty {
        FieldType::Decimal
            if token.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) =>
        {
            Ok(Json::String(token.to_owned()))
        }
        // A float takes the nearest value, however many digits are written.
        FieldType::Float => serde_json::from_str(token),
        _ => serde_json::from_str(&keep_digits(token)),
    }
}
