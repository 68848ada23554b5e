//! Event data against the event's schema, before any row is there.
//!
//! The schema judges a sample: literals as they are, fields by a value of their type, and null where
//! nothing is known. What it says about the made-up values is not believed, except for their type.

use std::collections::BTreeMap;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Wrong;
use serde_json::{Value as Json, json};

use super::compile::Node;
use super::error::Misfit;
use super::expr::Expr;
use super::path::Path;
use super::refs::{Reference, Root};
use crate::catalog::EventSchema;
use crate::model::ModelDef;
use crate::value::FieldType;

/// Everything in the data that cannot satisfy the schema, whatever the row holds.
pub(super) fn misfits(root: &Node, model: &ModelDef, schema: &EventSchema) -> Vec<Misfit> {
    let mut sample = Sample {
        model,
        filled: BTreeMap::new(),
    };
    let document = sample.node(root, "");
    let errors: Vec<_> = schema.validator.iter_errors(&document).collect();
    let judge = Judge {
        document: &document,
        filled: &sample.filled,
    };
    let mut misfits = Vec::new();
    for error in &errors {
        judge.report(error, &mut misfits);
    }
    misfits.dedup();
    misfits
}

/// What is known of a made-up value.
enum Filled {
    /// Its type: that of a field, in words.
    Typed(String),
    /// Nothing.
    Unknown,
}

struct Sample<'m> {
    model: &'m ModelDef,
    filled: BTreeMap<String, Filled>,
}

impl Sample<'_> {
    fn node(&mut self, node: &Node, pointer: &str) -> Json {
        match node {
            Node::Literal(json) => json.clone(),
            Node::Object(entries) => {
                let entry = |(key, node): &(String, Node)| {
                    let escaped = key.replace('~', "~0").replace('/', "~1");
                    (
                        key.clone(),
                        self.node(node, &format!("{pointer}/{escaped}")),
                    )
                };
                Json::Object(entries.iter().map(entry).collect())
            }
            Node::Array(nodes) => {
                let items = nodes.iter().enumerate();
                items
                    .map(|(i, n)| self.node(n, &format!("{pointer}/{i}")))
                    .collect()
            }
            Node::Text(_) => self.fill(
                pointer,
                json!("text"),
                Filled::Typed("a text with expressions".into()),
            ),
            Node::Whole(expr) => match known(expr, self.model) {
                Some((value, what)) => self.fill(pointer, value, Filled::Typed(what)),
                None => self.fill(pointer, Json::Null, Filled::Unknown),
            },
        }
    }

    fn fill(&mut self, pointer: &str, value: Json, filled: Filled) -> Json {
        self.filled.insert(pointer.to_owned(), filled);
        value
    }
}

/// A value of the expression's type, and what it is in words, when its type is known.
fn known(expr: &Expr, model: &ModelDef) -> Option<(Json, String)> {
    let Expr::Field(reference) = expr else {
        return None;
    };
    if let Root::Rule("id" | "field_name" | "operator" | "event_class") = reference.root
        && reference.steps.is_empty()
    {
        return Some((json!("text"), format!("`{}` is text", reference.name)));
    }
    let ty = reference.ty(model)?;
    Some((example(ty)?, words(reference, ty)))
}

fn words(reference: &Reference, ty: &FieldType) -> String {
    format!("`{}` is {}", reference.name, ty.described())
}

/// A value of this type as event data carries it; `None` for JSON, which may be anything.
fn example(ty: &FieldType) -> Option<Json> {
    Some(match ty {
        FieldType::Bool => json!(true),
        FieldType::Int => json!(1),
        // A float field does not always hold a whole number.
        FieldType::Float => json!(1.5),
        FieldType::Decimal => json!("1.50"),
        FieldType::Enum(names) => json!(names.first().map_or("", String::as_str)),
        FieldType::Uuid => json!("00000000-0000-0000-0000-000000000000"),
        FieldType::DateTime => json!("2026-01-01T00:00:00Z"),
        FieldType::LocalDateTime => json!("2026-01-01T00:00:00"),
        FieldType::Date => json!("2026-01-01"),
        FieldType::Time => json!("00:00:00"),
        FieldType::Text => json!("text"),
        FieldType::Json | FieldType::Unsupported(_) => return None,
    })
}

struct Judge<'s> {
    document: &'s Json,
    filled: &'s BTreeMap<String, Filled>,
}

impl Judge<'_> {
    /// Reports an error, or those of the alternative that was meant, if it holds for every row.
    fn report(&self, error: &ValidationError<'_>, misfits: &mut Vec<Misfit>) {
        if !self.certain(error) {
            return;
        }
        match alternatives(error).and_then(|branches| meant(branches, error)) {
            Some(branch) => branch.iter().for_each(|e| self.report(e, misfits)),
            None => misfits.push(Misfit {
                path: path(error.instance_path().as_str(), self.document),
                message: self.message(error),
            }),
        }
    }

    /// Whether the error holds whatever values the row puts in.
    fn certain(&self, error: &ValidationError<'_>) -> bool {
        let at = error.instance_path().as_str();
        if let Some(branches) = alternatives(error) {
            return branches
                .iter()
                .all(|branch| branch.iter().any(|e| self.certain(e)));
        }
        match (error.kind(), self.filled.get(at)) {
            (Wrong::FalseSchema, _) => !self.conditional(error),
            (_, Some(Filled::Unknown)) => false,
            (Wrong::Type { .. }, _) => !self.conditional(error),
            (_, Some(Filled::Typed(_))) => false,
            (kind, None) => (!self.fills_under(at) || structural(kind)) && !self.conditional(error),
        }
    }

    fn fills_under(&self, pointer: &str) -> bool {
        let inside = format!("{pointer}/");
        self.filled
            .keys()
            .any(|k| k == pointer || k.starts_with(&inside))
    }

    /// Whether a made-up value may have chosen the branch that fails.
    fn conditional(&self, error: &ValidationError<'_>) -> bool {
        let schema = error.evaluation_path().as_str();
        !self.filled.is_empty() && (schema.contains("/then") || schema.contains("/else"))
    }

    fn message(&self, error: &ValidationError<'_>) -> String {
        let filled = self.filled.get(error.instance_path().as_str());
        match (error.kind(), filled) {
            (Wrong::Required { property }, _) => {
                let name = property.as_str().unwrap_or_default();
                format!("the event requires `{name}`; add {property}: … here")
            }
            (
                Wrong::AdditionalProperties { unexpected }
                | Wrong::UnevaluatedProperties { unexpected },
                _,
            ) => format!(
                "the event has no `{}`; remove it here",
                unexpected.join("`, `")
            ),
            (_, Some(Filled::Typed(what))) => {
                format!(
                    "{what}, but to the event its {}; send a field of that type",
                    error.masked()
                )
            }
            _ => format!(
                "the event does not take this: {}; change it to what the event takes",
                error.masked()
            ),
        }
    }
}

/// Errors about an object's or array's shape, which the values inside cannot mend.
fn structural(kind: &Wrong) -> bool {
    matches!(
        kind,
        Wrong::Required { .. }
            | Wrong::AdditionalProperties { .. }
            | Wrong::AdditionalItems { .. }
            | Wrong::PropertyNames { .. }
            | Wrong::MinItems { .. }
            | Wrong::MaxItems { .. }
            | Wrong::MinProperties { .. }
            | Wrong::MaxProperties { .. }
    )
}

type Branch = Vec<ValidationError<'static>>;

fn alternatives<'e>(error: &'e ValidationError<'_>) -> Option<&'e [Branch]> {
    match error.kind() {
        Wrong::AnyOf { context } | Wrong::OneOfNotValid { context } => Some(context),
        _ => None,
    }
}

/// The one alternative whose type fits: the other of `Option` is null.
fn meant<'e>(branches: &'e [Branch], error: &ValidationError<'_>) -> Option<&'e Branch> {
    let at = error.instance_path().as_str();
    let wrong_type = |e: &ValidationError<'_>| {
        matches!(e.kind(), Wrong::Type { .. }) && e.instance_path().as_str() == at
    };
    let mut fitting = branches
        .iter()
        .filter(|branch| !branch.iter().any(wrong_type));
    let first = fitting.next();
    first.filter(|_| fitting.next().is_none())
}

/// A JSON pointer as a path of event data.
fn path(pointer: &str, document: &Json) -> String {
    fn walk(mut steps: std::str::Split<'_, char>, json: &Json, path: &Path<'_>) -> String {
        let Some(step) = steps.next() else {
            return path.to_string();
        };
        let key = step.replace("~1", "/").replace("~0", "~");
        match (json, key.parse::<usize>()) {
            (Json::Array(items), Ok(i)) => {
                walk(steps, items.get(i).unwrap_or(&Json::Null), &path.index(i))
            }
            _ => walk(steps, &json[&key], &path.key(&key)),
        }
    }
    let mut steps = pointer.split('/');
    // What stands before the first slash is the root.
    steps.next();
    walk(steps, document, &Path::root())
}
