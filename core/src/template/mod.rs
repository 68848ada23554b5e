//! Event data: literal JSON with `{{ expression }}` in its strings, compiled once and rendered at
//! every firing.
//!
//! An expression is minijinja's, over
//! - the fields of the new row by their names, or as `new.field` (a field named `old`, `new`, `rule`
//!   or `now` only so),
//! - `old.field`: the row before the save; all null on insert,
//! - `rule.key`: the rule that fires, e.g. `rule.id` or `rule.description`; null when not given,
//! - `now`: the time of the firing.
//!
//! A string that is one whole expression keeps the value's type:
//!
//! | field | event data |
//! |---|---|
//! | bool, int, float | boolean, number (NaN and infinity: null) |
//! | decimal | string with all its digits, `"99.90"` |
//! | text, enum, uuid | string |
//! | instant | RFC 3339 with its offset, `"2026-01-31T12:00:00+02:00"`, `Z` for none |
//! | local date and time, date, time | ISO 8601 |
//! | JSON, and paths into it | as it is; a missing path is null |
//! | null | null |
//!
//! In any other string each expression is printed: null as nothing, text as it stands, JSON as JSON.
//!
//! minijinja's filters, tests and operators work, with these differences: `default` and `is none`
//! also take null and missing paths, there are no blocks, and a decimal or an instant can be sent and
//! printed but not calculated with or compared, since that could not be exact: such an expression
//! is an error when the rule is checked. A literal `{{` is written `{{ "{{" }}`.
//! U+0000 is refused: PostgreSQL cannot store it.

mod compile;
mod engine;
mod error;
mod exact;
mod expr;
mod limits;
mod misfit;
mod path;
mod refs;
mod render;
mod scan;
mod values;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

pub use self::error::{Misfit, RenderError, RenderErrorKind, TemplateError, TemplateErrorKind};
pub(crate) use self::values::field_data;
use crate::catalog::EventSchema;
use crate::model::{ModelDef, Row};
use crate::value::Value;

/// Compiled event data.
///
/// # Example
/// ```
/// use celerysalt::model::{FieldDef, ModelDef, Row};
/// use celerysalt::template::{RenderContext, Template};
/// use celerysalt::value::{FieldType, Value};
/// use serde_json::json;
///
/// let id = FieldDef { name: "id".into(), ty: FieldType::Int, nullable: false };
/// let model = ModelDef::new("order", vec![id]);
/// let template = Template::compile(&json!({"order_id": "{{ id }}", "text": "order {{ id }}"}), &model).unwrap();
/// let data = template.render(&RenderContext {
///     model: &model,
///     old: None,
///     new: &Row::new(vec![Value::Int(7)]),
///     rule: &json!({}),
///     now: chrono::DateTime::UNIX_EPOCH,
/// });
/// assert_eq!(data.unwrap(), json!({"order_id": 7, "text": "order 7"}));
/// ```
#[derive(Debug)]
pub struct Template {
    root: compile::Node,
}

impl Template {
    /// Compiles event data against the model whose fields its expressions name. Null counts as `{}`.
    ///
    /// # Errors
    /// Every problem that was found, each with its path.
    pub fn compile(data: &Json, model: &ModelDef) -> Result<Template, Vec<TemplateError>> {
        compile::compile(data, model).map(|root| Template { root })
    }

    /// Renders the event data for one firing. The model must be the one it was compiled against.
    ///
    /// # Errors
    /// The first expression that failed, ran out of fuel, or made the data too long.
    pub fn render(&self, cx: &RenderContext<'_>) -> Result<Json, RenderError> {
        render::render(&self.root, cx)
    }

    /// What in the data cannot satisfy the event's schema, whatever the row holds.
    ///
    /// Literals are judged wholly; what a field fills only by its type; what an expression computes,
    /// or a path into JSON finds, not at all.
    pub fn misfits(&self, model: &ModelDef, schema: &EventSchema) -> Vec<Misfit> {
        misfit::misfits(&self.root, model, schema)
    }
}

/// What the expressions of one firing see.
#[derive(Debug, Clone, Copy)]
pub struct RenderContext<'a> {
    /// The model that both rows are of.
    pub model: &'a ModelDef,
    /// The row before the save; absent on insert (every `old.*` is null then).
    pub old: Option<&'a Row>,
    /// The row after the save.
    pub new: &'a Row,
    /// The rule as JSON.
    pub rule: &'a Json,
    /// The time of the firing.
    pub now: DateTime<Utc>,
}

impl<'a> RenderContext<'a> {
    fn old_value(&self, field: usize) -> &'a Value {
        self.old.map_or(&Value::Null, |row| row.value(field))
    }
}
