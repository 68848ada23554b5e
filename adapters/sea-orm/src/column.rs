//! The rules column: a model's field of type [`Rules`].

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use celerysalt::rules::{Rule, Rules as CoreRules};
use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr};
use sea_orm::{
    ActiveValue, ColIdx, IntoActiveValue, QueryResult, TryGetError, TryGetable, TryGetableFromJson,
    Value,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::passing::Passing;

/// The rules of a row, as a SeaORM column: `pub on_change_rules: Rules`.
///
/// In the database it is a JSON column, `NOT NULL` with default `'[]'` (`jsonb` on PostgreSQL, `TEXT` on
/// SQLite). It acts as the core's [`celerysalt::rules::Rules`] and remembers what was loaded, so that a
/// save merges what the caller added and removed instead of overwriting what others did meanwhile.
/// Text that is not valid JSON does not fail the load: it is kept, and reported when the row is saved.
#[derive(Clone, Default)]
pub struct Rules {
    rules: CoreRules,
    passing: Option<Arc<Passing>>,
}

impl Rules {
    /// No rules. Saved in the place of those that a row has they take none of them out: that is
    /// [`clear`](celerysalt::rules::Rules::clear) on the loaded ones.
    pub fn new() -> Self {
        Self::default()
    }

    /// The rules of a JSON document, all of them new; see [`celerysalt::rules::Rules::from_json`].
    pub fn from_json(text: &str) -> Self {
        CoreRules::from_json(text).into()
    }

    pub(crate) fn pass(&mut self, passing: Passing) {
        self.passing = Some(Arc::new(passing));
    }

    pub(crate) fn take_passing(&mut self) -> Option<Arc<Passing>> {
        self.passing.take()
    }

    pub(crate) fn take_passing_if(
        &mut self,
        which: impl Fn(&Passing) -> bool,
    ) -> Option<Arc<Passing>> {
        self.passing.take_if(|passing| which(passing))
    }
}

impl Deref for Rules {
    type Target = CoreRules;

    fn deref(&self) -> &CoreRules {
        &self.rules
    }
}

impl DerefMut for Rules {
    fn deref_mut(&mut self) -> &mut CoreRules {
        &mut self.rules
    }
}

impl From<CoreRules> for Rules {
    fn from(rules: CoreRules) -> Self {
        Self {
            rules,
            passing: None,
        }
    }
}

impl From<Vec<Rule>> for Rules {
    fn from(rules: Vec<Rule>) -> Self {
        CoreRules::from(rules).into()
    }
}

impl FromIterator<Rule> for Rules {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Self {
        CoreRules::from_iter(rules).into()
    }
}

impl From<Rules> for CoreRules {
    fn from(column: Rules) -> Self {
        column.rules
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rules.fmt(f)
    }
}

impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
    }
}

// JSON has no NaN, so equality of rules is reflexive; models commonly derive `Eq`.
impl Eq for Rules {}

impl Serialize for Rules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rules.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(CoreRules::from_value(value).into())
    }
}

impl From<Rules> for Value {
    fn from(column: Rules) -> Self {
        Value::Json(Some(Box::new(column.rules.to_value())))
    }
}

impl ValueType for Rules {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        match value {
            Value::Json(Some(json)) => Ok(CoreRules::from_value(*json).into()),
            Value::Json(None) => Ok(Self::new()),
            _ => Err(ValueTypeErr),
        }
    }

    fn type_name() -> String {
        "Rules".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::Json
    }

    fn column_type() -> ColumnType {
        ColumnType::JsonBinary
    }
}

impl Nullable for Rules {
    fn null() -> Value {
        Value::Json(None)
    }
}

impl IntoActiveValue<Rules> for Rules {
    fn into_active_value(self) -> ActiveValue<Rules> {
        ActiveValue::Set(self)
    }
}

impl TryGetable for Rules {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        match column_text(row, index) {
            Ok(text) => Ok(CoreRules::loaded(&text).into()),
            // A column that was added to an old table without a default: no rules.
            Err(TryGetError::Null(_)) => Ok(CoreRules::loaded("[]").into()),
            Err(error) => Err(error),
        }
    }
}

/// The column's text as it stands, so that numbers keep their digits and broken JSON is seen as it is.
fn column_text<I: ColIdx>(row: &QueryResult, index: I) -> Result<String, TryGetError> {
    match RawJson::try_get_from_json(row, index) {
        Ok(raw) => Ok(raw.0.get().to_owned()),
        Err(TryGetError::Null(column)) => Err(TryGetError::Null(column)),
        // A text column, or text that is not JSON. When neither can be read, the first error tells why.
        Err(error) => String::try_get_by(row, index).map_err(|_| error),
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct RawJson(Box<RawValue>);

impl TryGetableFromJson for RawJson {}
