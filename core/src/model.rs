//! What the engine knows of a model: its name, its fields, its rows.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::history::History;
use crate::rules::{Limits, Rules};
use crate::value::{FieldType, Value};

/// One field of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDef {
    /// The field's name as rules write it.
    pub name: String,
    /// Its type.
    pub ty: FieldType,
    /// Whether it may be null.
    pub nullable: bool,
}

/// A model as rules see it: built once a process by an adapter (or by hand) and shared.
#[derive(Debug, Clone)]
pub struct ModelDef {
    name: String,
    fields: Vec<FieldDef>,
    index: std::collections::HashMap<String, usize>,
    allowed_events: Option<Vec<String>>,
    rules: Rules,
    history: Option<History>,
    limits: Limits,
    identity: u64,
}

/// Numbers the definitions of this process: what is compiled for one is not used for another.
static NEXT_IDENTITY: AtomicU64 = AtomicU64::new(0);

fn next_identity() -> u64 {
    NEXT_IDENTITY.fetch_add(1, Ordering::Relaxed)
}

impl ModelDef {
    /// A model of this name and these fields.
    pub fn new(name: impl Into<String>, fields: Vec<FieldDef>) -> Self {
        let index = fields
            .iter()
            .enumerate()
            .map(|(i, f)| (f.name.clone(), i))
            .collect();
        Self {
            name: name.into(),
            fields,
            index,
            allowed_events: None,
            rules: Rules::new(),
            history: None,
            limits: Limits::default(),
            identity: next_identity(),
        }
    }

    /// Allows rules to emit these topics (or event type names) only.
    pub fn allow_events<S: Into<String>>(mut self, events: impl IntoIterator<Item = S>) -> Self {
        self.allowed_events = Some(events.into_iter().map(Into::into).collect());
        self
    }

    /// Declares rules in code, for every row of the model. They always persist.
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Keeps a history of the model.
    pub fn with_history(mut self, history: History) -> Self {
        self.history = Some(history);
        self
    }

    /// Bounds what rules of this model may cost.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self.identity = next_identity();
        self
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The fields, in the order of a [`Row`]'s values.
    pub fn fields(&self) -> &[FieldDef] {
        &self.fields
    }

    /// The position and definition of a field.
    pub fn field(&self, name: &str) -> Option<(usize, &FieldDef)> {
        self.index.get(name).map(|&i| (i, &self.fields[i]))
    }

    /// The events that rules may emit; `None` allows all.
    pub fn allowed_events(&self) -> Option<&[String]> {
        self.allowed_events.as_deref()
    }

    /// The rules declared in code.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What is kept as history; `None` keeps none.
    pub fn history(&self) -> Option<&History> {
        self.history.as_ref()
    }

    /// The bounds on rules.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The same for a definition and its clones, another for every other definition of this process.
    pub(crate) fn identity(&self) -> u64 {
        self.identity
    }
}

/// The values of one row, in the order of [`ModelDef::fields`].
#[derive(Debug, Clone, PartialEq)]
pub struct Row(Vec<Value>);

impl Row {
    /// A row of these values, one per field of the model.
    pub fn new(values: Vec<Value>) -> Self {
        Self(values)
    }

    /// The value of the field at this position; null when there is none.
    pub fn value(&self, field: usize) -> &Value {
        self.0.get(field).unwrap_or(&Value::Null)
    }

    /// Replaces the value at this position.
    pub fn set(&mut self, field: usize, value: Value) {
        if let Some(slot) = self.0.get_mut(field) {
            *slot = value;
        }
    }
}

/// What a save does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// A new row.
    Insert,
    /// A change of an existing row.
    Update,
    /// The end of a row.
    Delete,
}

/// One save of one row.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// What the save does.
    pub operation: Operation,
    /// The row as the database held it before; absent on insert.
    pub old: Option<&'a Row>,
    /// The row after the save; on delete the row that goes.
    pub new: &'a Row,
    /// The row's identity, e.g. `order:0198…`: keeps events of one row in order, and a rule from
    /// firing twice for one row in one chain. Empty when unknown (a dry run).
    pub aggregate: &'a str,
}

/// A field of a model `M`, as a constant made by `derive(FollowActions)`: a misspelt field does not compile.
pub struct Field<M> {
    name: &'static str,
    model: std::marker::PhantomData<fn() -> M>,
}

impl<M> Field<M> {
    /// The field of this name; called by the derive.
    #[doc(hidden)]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            model: std::marker::PhantomData,
        }
    }

    /// The field's name as rules write it.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<M> Clone for Field<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Field<M> {}
