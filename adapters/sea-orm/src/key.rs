//! A row's primary key.

use std::marker::PhantomData;

use celerysalt::field::key_text;
use celerysalt::value::{FieldType, Value as Plain};
use sea_orm::sea_query::ArrayType;
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, DbErr, ModelTrait, Value};
use serde_json::json;

use crate::convert;
use crate::entity::Follow;

/// The values of a row's primary key, in the order of the key's columns.
pub(crate) struct Key<E> {
    values: Vec<Value>,
    entity: PhantomData<fn() -> E>,
}

impl<E: Follow> Key<E> {
    fn new(values: Vec<Value>) -> Self {
        Self {
            values,
            entity: PhantomData,
        }
    }

    /// The key that an active model names; `None` when a part is not set.
    pub(crate) fn of_active(model: &E::ActiveModel) -> Option<Self> {
        let values = E::followed()
            .keys
            .iter()
            .map(|column| model.get(*column).into_value());
        values.collect::<Option<_>>().map(Self::new)
    }

    pub(crate) fn of_model(model: &E::Model) -> Self {
        let keys = E::followed().keys.iter();
        Self::new(keys.map(|column| model.get(*column)).collect())
    }

    /// The values, in the order of the key's columns.
    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }

    pub(crate) fn into_values(self) -> Vec<Value> {
        self.values
    }

    /// Names this row in an active model.
    pub(crate) fn write_to(&self, model: &mut E::ActiveModel) -> Result<(), DbErr> {
        for (column, value) in std::iter::zip(&E::followed().keys, &self.values) {
            model.try_set(*column, value.clone())?;
        }
        Ok(())
    }

    pub(crate) fn condition(&self) -> Condition {
        std::iter::zip(&E::followed().keys, &self.values)
            .fold(Condition::all(), |all, (column, value)| {
                all.add(column.eq(value.clone()))
            })
    }

    /// `order:0198…`, what keeps the events of one row in order.
    pub(crate) fn aggregate(&self) -> String {
        let parts: Vec<Plain> = self.values.iter().map(named).collect();
        format!("{}:{}", E::NAME, key_text(&parts))
    }

    /// The key as it is kept beside an intent; `None` for types that do not come back from JSON.
    pub(crate) fn to_json(&self) -> Option<serde_json::Value> {
        self.values.iter().map(part_to_json).collect()
    }

    pub(crate) fn from_json(json: &serde_json::Value) -> Option<Self> {
        let parts = json.as_array()?;
        let keys = &E::followed().keys;
        if parts.len() != keys.len() {
            return None;
        }
        let values = std::iter::zip(keys, parts)
            .map(|(column, part)| part_from_json(E::Model::get_value_type(*column), part));
        values.collect::<Option<_>>().map(Self::new)
    }
}

fn named(value: &Value) -> Plain {
    match convert::value(value.clone(), &FieldType::Text) {
        // The SQL literal: no type of key is left without a name.
        Plain::Null => Plain::Text(value.to_string()),
        named => named,
    }
}

fn part_to_json(value: &Value) -> Option<serde_json::Value> {
    match convert::value(value.clone(), &FieldType::Text) {
        Plain::Text(text) => Some(json!(text)),
        Plain::Uuid(uuid) => Some(json!(uuid)),
        Plain::Int(number) => i64::try_from(number)
            .map(|n| json!(n))
            .or_else(|_| u64::try_from(number).map(|n| json!(n)))
            .ok(),
        _ => None,
    }
}

/// The very type of the key's column: a driver may have the statement prepared for it.
fn part_from_json(ty: ArrayType, part: &serde_json::Value) -> Option<Value> {
    fn int<T: TryFrom<i64> + Into<Value>>(part: &serde_json::Value) -> Option<Value> {
        T::try_from(part.as_i64()?).ok().map(Into::into)
    }
    match ty {
        ArrayType::String => Some(Value::from(part.as_str()?)),
        ArrayType::Uuid => Some(Value::from(part.as_str()?.parse::<uuid::Uuid>().ok()?)),
        ArrayType::TinyInt => int::<i8>(part),
        ArrayType::SmallInt => int::<i16>(part),
        ArrayType::Int => int::<i32>(part),
        ArrayType::BigInt => int::<i64>(part),
        ArrayType::TinyUnsigned => int::<u8>(part),
        ArrayType::SmallUnsigned => int::<u16>(part),
        ArrayType::Unsigned => int::<u32>(part),
        ArrayType::BigUnsigned => Some(Value::from(part.as_u64()?)),
        _ => None,
    }
}
