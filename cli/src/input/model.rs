//! `model.json`.

use std::collections::BTreeMap;
use std::path::Path;

use celerysalt::model::{FieldDef, ModelDef};
use celerysalt::names::remedy;

use super::{Text, types};
use crate::error::InputError;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    name: String,
    fields: BTreeMap<String, String>,
}

/// Reads a model.
///
/// # Errors
/// A file that cannot be read, is no model, or names a type that does not exist.
pub(crate) fn read(path: &Path) -> Result<ModelDef, InputError> {
    let text = Text::read(path)?;
    let document = text.json()?;
    let ModelFile { name, fields } =
        serde_json::from_value(document).map_err(|source| InputError::BadModel {
            file: text.file.clone(),
            source,
        })?;
    let fields: Result<Vec<_>, _> = fields
        .into_iter()
        .map(|(name, ty)| field(&text, name, &ty))
        .collect();
    Ok(ModelDef::new(name, fields?))
}

fn field(text: &Text, name: String, written: &str) -> Result<FieldDef, InputError> {
    let (ty_name, nullable) = match written.strip_suffix('?') {
        Some(ty) => (ty, true),
        None => (written, false),
    };
    match types::by_name(ty_name) {
        Some(ty) => Ok(FieldDef { name, ty, nullable }),
        None => Err(InputError::UnknownType {
            file: text.file.clone(),
            field: name,
            ty: written.to_owned(),
            remedy: remedy(ty_name, types::names()),
        }),
    }
}
