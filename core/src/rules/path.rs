//! Field names and dotted paths, resolved against a model.

use serde_json::Value as Json;

use super::error::RuleErrorKind as Kind;
use super::view::{View, shortened};
use crate::model::{FieldDef, ModelDef, Row};
use crate::names;
use crate::template;
use crate::value::{FieldType, Value};

/// A field of a model, and the way into its JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Path {
    /// The field's position in the model.
    pub(super) field: usize,
    /// Keys and indexes inside the field's JSON; empty for the field itself.
    pub(super) segments: Box<[Segment]>,
    /// As the rule writes it.
    pub(super) name: Box<str>,
}

/// One step into JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Segment {
    key: Box<str>,
    /// The key as an index, for arrays.
    index: Option<usize>,
}

impl Path {
    /// Resolves a name as rules write it.
    pub(super) fn resolve<'m>(
        model: &'m ModelDef,
        name: &str,
    ) -> Result<(Self, &'m FieldDef), Kind> {
        let (root, rest) = match model.field(name) {
            Some(_) => (name, None),
            None => name
                .split_once('.')
                .map_or((name, None), |(root, rest)| (root, Some(rest))),
        };
        let Some((field, def)) = model.field(root) else {
            return Err(unknown(model, root));
        };
        if let FieldType::Unsupported(ty) = &def.ty {
            let (field, ty) = (root.to_owned(), ty.clone());
            return Err(Kind::UnsupportedField { field, ty });
        }
        let segments = match rest {
            None => Box::default(),
            Some(rest) => segments(model, def, name, rest)?,
        };
        let name = name.into();
        Ok((
            Self {
                field,
                segments,
                name,
            },
            def,
        ))
    }

    /// The field at which the path begins.
    pub(super) fn root(&self) -> Self {
        let name = self.name.split('.').next().unwrap_or_default();
        Self {
            field: self.field,
            segments: Box::default(),
            name: name.into(),
        }
    }

    /// The value at this path; null when the way ends before.
    pub(super) fn of<'r>(&self, row: &'r Row) -> View<'r> {
        let value = row.value(self.field);
        if self.segments.is_empty() {
            return View::of(value);
        }
        self.inside(value).map_or(View::Null, View::of_json)
    }

    /// The value at this path, as event data renders it.
    pub(super) fn json(&self, row: &Row) -> Json {
        let value = row.value(self.field);
        match self.segments.is_empty() {
            true => template::field_data(value),
            false => self.inside(value).cloned().unwrap_or_default(),
        }
    }

    fn inside<'r>(&self, value: &'r Value) -> Option<&'r Json> {
        let Value::Json(json) = value else {
            return None;
        };
        let mut segments = self.segments.iter();
        segments.try_fold(json, |at, segment| segment.step(at))
    }
}

impl Segment {
    fn step<'j>(&self, json: &'j Json) -> Option<&'j Json> {
        match json {
            Json::Object(map) => map.get(&*self.key),
            Json::Array(items) => items.get(self.index?),
            _ => None,
        }
    }
}

/// Checks that a name is a field of the model, or a path into one, that can be looked at.
pub(crate) fn check_path(model: &ModelDef, name: &str) -> Result<(), Kind> {
    Path::resolve(model, name).map(drop)
}

fn segments(
    model: &ModelDef,
    def: &FieldDef,
    name: &str,
    rest: &str,
) -> Result<Box<[Segment]>, Kind> {
    if def.ty != FieldType::Json {
        let (field, ty) = (def.name.clone(), def.ty.described());
        return Err(Kind::NotAJsonField { field, ty });
    }
    let found = rest.split('.').count() + 1;
    let limit = model.limits().path_segments;
    if found > limit {
        let what = "segments of a path";
        return Err(Kind::Limit { what, found, limit });
    }
    if rest.split('.').any(str::is_empty) {
        let path = name.to_owned();
        return Err(Kind::EmptySegment { path });
    }
    let segments = rest.split('.').map(|key| Segment {
        key: key.into(),
        index: index(key),
    });
    Ok(segments.collect())
}

/// A position in an array; `00` and `+0` are keys.
fn index(key: &str) -> Option<usize> {
    let index: usize = key.parse().ok()?;
    (index.to_string() == key).then_some(index)
}

fn unknown(model: &ModelDef, field: &str) -> Kind {
    let names = model.fields().iter().map(|def| def.name.as_str());
    Kind::UnknownField {
        field: shortened(field),
        model: model.name().to_owned(),
        nearest: names::nearest(field, names.clone()).map(str::to_owned),
        known: names.map(str::to_owned).collect(),
    }
}
