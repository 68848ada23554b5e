//! What the derive tells about an entity, and what is built of it once a process.

use celerysalt::history::History;
use celerysalt::model::{FieldDef, ModelDef, Row};
use celerysalt::rules::Rules as CoreRules;
use celerysalt::value::Value;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, EntityTrait, IntoActiveModel, Iterable, ModelTrait,
    PrimaryKeyToColumn,
};

use crate::column::Rules;
use crate::convert;

/// An entity whose saves are followed; implemented by `#[derive(FollowActions)]` on its `Model`.
#[diagnostic::on_unimplemented(
    message = "saves of `{Self}` are not followed",
    note = "put `FollowActions` beside `DeriveEntityModel` on its `Model`, with a field \
            `on_change_rules: celerysalt_sea_orm::Rules`"
)]
pub trait Follow:
    EntityTrait<
        Model: IntoActiveModel<Self::ActiveModel> + Sync,
        ActiveModel: Send + Sync,
        Column: Send + Sync,
    >
{
    /// The model's name in rules, errors and aggregate keys.
    const NAME: &'static str;
    /// The Rust names of the columns, in the order of `Column::iter()`.
    const FIELDS: &'static [&'static str];
    /// The Rust name of the rules column.
    const RULES: &'static str;
    /// The events that rules may emit, by topic or type name; `None` allows all.
    const EVENTS: Option<&'static [&'static str]> = None;

    /// The fields of which every change is kept as history, beside what rules fire; `None` keeps no history.
    const HISTORY: Option<&'static [&'static str]> = None;

    /// The rules declared in code, for every row.
    fn code_rules() -> CoreRules {
        CoreRules::new()
    }

    /// What is built of the entity once.
    fn followed() -> &'static Followed<Self>;

    /// The model's definition: to check rules against, or to put them in a
    /// [`RuleTable`](celerysalt::rule_table::RuleTable).
    fn definition() -> &'static ModelDef {
        Self::followed().definition()
    }

    /// The rules of a model.
    fn rules(model: &Self::Model) -> &Rules;

    /// The rules of a model, to change.
    fn rules_mut(model: &mut Self::Model) -> &mut Rules;

    /// The rules of an active model, to change.
    fn active_rules_mut(model: &mut Self::ActiveModel) -> &mut ActiveValue<Rules>;

    /// Makes what is set unchanged: it is in the database now.
    fn settle(model: &mut Self::ActiveModel);
}

/// An entity as rules see it: built once a process, by [`Follow::followed`].
pub struct Followed<E: EntityTrait> {
    pub(crate) def: ModelDef,
    /// The columns of the definition's fields, in their order.
    pub(crate) columns: Vec<E::Column>,
    pub(crate) rules: E::Column,
    pub(crate) keys: Vec<E::Column>,
}

impl<E: Follow> Followed<E> {
    /// Reads the entity's columns.
    #[doc(hidden)]
    pub fn build() -> Self {
        let all: Vec<(&str, E::Column)> =
            std::iter::zip(E::FIELDS.iter().copied(), E::Column::iter()).collect();
        debug_assert_eq!(all.len(), E::Column::iter().count());
        let rules = all.iter().find(|(name, _)| *name == E::RULES);
        #[allow(clippy::expect_used)]
        let rules = rules
            .expect("the derive lists the rules field among the fields")
            .1;
        let others = || all.iter().filter(|(name, _)| *name != E::RULES);
        let fields = others().map(|(name, column)| field::<E>(name, *column));
        let mut def = ModelDef::new(E::NAME, fields.collect()).with_rules(E::code_rules());
        if let Some(events) = E::EVENTS {
            def = def.allow_events(events.iter().copied());
        }
        if let Some(fields) = E::HISTORY {
            def = def.with_history(History::of_rules_and(fields.iter().copied()));
        }
        Self {
            def,
            columns: others().map(|(_, column)| *column).collect(),
            rules,
            keys: E::PrimaryKey::iter()
                .map(PrimaryKeyToColumn::into_column)
                .collect(),
        }
    }

    /// The model's definition, to check rules against.
    pub fn definition(&self) -> &ModelDef {
        &self.def
    }

    /// A model's values.
    pub(crate) fn row(&self, model: &E::Model) -> Row {
        let values = std::iter::zip(&self.columns, self.def.fields())
            .map(|(column, field)| convert::value(model.get(*column), &field.ty));
        Row::new(values.collect())
    }

    /// What is known of a row before it is inserted: nothing, but that it will have a key.
    pub(crate) fn unwritten(&self) -> Row {
        let values = std::iter::zip(&self.columns, self.def.fields());
        let values = values.map(
            |(column, field)| match E::PrimaryKey::from_column(*column) {
                Some(_) => convert::placeholder(&field.ty),
                None => Value::Null,
            },
        );
        Row::new(values.collect())
    }

    /// The row that an active model holds, if it holds all of it.
    pub(crate) fn held(&self, model: &E::ActiveModel) -> Option<Row> {
        let columns = std::iter::zip(&self.columns, self.def.fields());
        let values = columns.map(|(column, field)| {
            let value = model.get(*column).into_value()?;
            Some(convert::value(value, &field.ty))
        });
        values.collect::<Option<_>>().map(Row::new)
    }

    /// A row with what an active model writes to it.
    pub(crate) fn written(&self, old: &Row, model: &E::ActiveModel) -> Row {
        let mut row = old.clone();
        for (at, (column, field)) in std::iter::zip(&self.columns, self.def.fields()).enumerate() {
            if let ActiveValue::Set(value) = model.get(*column) {
                row.set(at, convert::value(value, &field.ty));
            }
        }
        row
    }
}

fn field<E: EntityTrait>(name: &str, column: E::Column) -> FieldDef {
    let def = column.def();
    FieldDef {
        name: name.to_owned(),
        ty: convert::field_type(
            <E::Model as ModelTrait>::get_value_type(column),
            def.get_column_type(),
        ),
        nullable: def.is_null(),
    }
}
