//! Event data: literal JSON with `{{ expression }}` in its strings, compiled once and rendered at every firing.

mod error;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

pub use self::error::{Misfit, RenderError, TemplateError, TemplateErrorKind};
use crate::catalog::EventSchema;
use crate::model::{ModelDef, Row};

/// Compiled event data.
#[derive(Debug)]
pub struct Template {
    data: Json,
}

impl Template {
    /// Compiles event data against the model whose fields its expressions name.
    ///
    /// # Errors
    /// Every problem that was found, each with its path.
    pub fn compile(data: &Json, _model: &ModelDef) -> Result<Template, Vec<TemplateError>> {
        Ok(Template { data: data.clone() })
    }

    /// Renders the event data for one firing.
    ///
    /// # Errors
    /// The first expression that failed or ran out of fuel.
    pub fn render(&self, _cx: &RenderContext<'_>) -> Result<Json, RenderError> {
        Ok(self.data.clone())
    }

    /// What in the data cannot satisfy the event's schema, whatever the row holds.
    pub fn misfits(&self, _model: &ModelDef, _schema: &EventSchema) -> Vec<Misfit> {
        Vec::new()
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
