//! One column under test, in a row of its own.

use std::error::Error;

use celerysalt::event;
use celerysalt_sea_orm::{Follow, FollowMany, FollowSave, Rules};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, IdenStatic,
    IntoActiveModel, Iterable, QueryFilter, Value,
};
use serde_json::{Value as Json, json};

use super::cases::{Case, Is};
use super::models::Column;
use super::support::outbox;

/// The field under test changed.
#[event("wide.changed")]
pub(crate) struct WideChanged {
    /// What it became.
    pub(crate) new: Json,
    /// What it was.
    pub(crate) old: Json,
}

type Tried = Result<(), Box<dyn Error>>;

pub(crate) struct Probe<'a, E: EntityTrait> {
    db: &'a DatabaseConnection,
    field: &'a str,
    column: E::Column,
    id: i32,
}

impl<'a, E: Follow> Probe<'a, E> {
    /// A row with the first value of each type; null in the twins.
    pub(crate) async fn insert(
        db: &'a DatabaseConnection,
        cases: &[Case],
        columns: &[Column],
        field: &'a str,
    ) -> Self {
        let at = E::Column::iter().position(|column| column.as_str() == field);
        let id = i32::try_from(at.unwrap()).unwrap();
        let mut row = <E::ActiveModel as ActiveModelTrait>::default();
        row.set(column::<E>("id"), id.into());
        *E::active_rules_mut(&mut row) = Set(Rules::new());
        for Column { field, twin, .. } in columns {
            let case = cases.iter().find(|case| case.field == *field).unwrap();
            row.set(column::<E>(field), case.values[0].clone());
            row.set(column::<E>(twin), case.values[0].as_null());
        }
        E::insert(row).exec_without_returning(db).await.unwrap();
        let column = column::<E>(field);
        Self {
            db,
            field,
            column,
            id,
        }
    }

    /// Rules on the field fire exactly when they should, and events carry the value as it is.
    pub(crate) async fn carries(&self, case: &Case, nullable: bool) -> Tried {
        let Is::Carried(json) = &case.is else {
            return Err("not a type that carries rules".into());
        };
        let [first, second, third] = json;
        let values = &case.values;
        if nullable {
            self.save(&values[0], &self.rules([("isnt null", "not_null", None)]))
                .await?;
            self.expect(&["isnt null"], first, &Json::Null).await?;
        }
        // To a value: equal fires, another does not; in order, greater fires, less does not.
        let to_second = self.rules([
            ("is second", "eql", Some(second)),
            ("is third", "eql", Some(third)),
        ]);
        self.save(&values[1], &to_second).await?;
        self.expect(&["is second"], second, first).await?;
        if case.is_ordered {
            self.save(&values[0], &json!([])).await?;
            let orders = self.rules([
                ("greater", "gt", Some(first)),
                ("less", "lt", Some(first)),
                ("least", "gte", Some(second)),
            ]);
            self.save(&values[1], &orders).await?;
            self.expect(&["greater", "least"], second, first).await?;
        }
        // The same value again changed nothing.
        self.save(&values[1], &self.rules([("changes", "changed", None)]))
            .await?;
        self.expect(&[], second, second).await?;
        // In bulk, where the value is what the database returns.
        self.attach(&self.rules([
            ("is second", "eql", Some(second)),
            ("is third", "eql", Some(third)),
        ]))
        .await?;
        self.save_in_bulk(&values[2]).await?;
        self.expect(&["is third"], third, second).await?;
        if nullable {
            let to_null = self.rules([
                ("is null", "is_null", None),
                ("is second", "eql", Some(second)),
                ("isnt second", "neq", Some(second)),
            ]);
            self.save(&values[1].as_null(), &to_null).await?;
            self.expect(&["is null"], &Json::Null, third).await?;
        }
        self.inserted(case, first).await
    }

    /// A new row whose field comes with the first value.
    async fn inserted(&self, case: &Case, first: &Json) -> Tried {
        self.forget().await?;
        let row = E::find().filter(column::<E>("id").eq(self.id));
        let row = row.one(self.db).await?.ok_or("the row is gone")?;
        let mut row = row.into_active_model();
        let on_insert = self.document("inserted", "eql", Some(first), "insert", &Json::Null);
        let missing = self.document("other", "is_null", None, "insert", &Json::Null);
        row.set(column::<E>("id"), (1_000 + self.id).into());
        row.set(self.column, case.values[0].clone());
        *E::active_rules_mut(&mut row) =
            Set(Rules::from_json(&json!([on_insert, missing]).to_string()));
        row.insert_and_follow(self.db).await?;
        self.expect(&["inserted"], first, &Json::Null).await
    }

    /// A rule on the field is refused by name, and the field can be saved all the same.
    pub(crate) async fn is_refused(&self, case: &Case) -> Tried {
        let Is::Refused(ty) = case.is else {
            return Err("not a type that is refused".into());
        };
        let rules = self.rules([("is second", "changed", None)]);
        let refused = match self.save(&case.values[1], &rules).await {
            Ok(()) => return Err("a rule on it was attached".into()),
            Err(error) => error.to_string(),
        };
        for part in [
            format!("`{}`", self.field),
            format!("`{ty}`"),
            "use another field".to_owned(),
        ] {
            if !refused.contains(&part) {
                return Err(format!("{part} is not named in: {refused}").into());
            }
        }
        self.save(&case.values[2], &json!([])).await?;
        self.save_in_bulk(&case.values[1]).await?;
        self.expect(&[], &Json::Null, &Json::Null).await
    }

    fn rules<const N: usize>(&self, rules: [(&str, &str, Option<&Json>); N]) -> Json {
        let old = json!(format!("{{{{ old.{} }}}}", self.field));
        let document = |(id, operator, value)| self.document(id, operator, value, "update", &old);
        rules.map(document).into_iter().collect()
    }

    fn document(
        &self,
        id: &str,
        operator: &str,
        value: Option<&Json>,
        on: &str,
        old: &Json,
    ) -> Json {
        let mut rule = json!({
            "id": id,
            "field_name": self.field,
            "operator": operator,
            "event_class": "wide.changed",
            "event_data": {"new": format!("{{{{ {} }}}}", self.field), "old": old},
            "on": [on],
        });
        if let Some(value) = value {
            rule["value"] = value.clone();
        }
        rule
    }

    async fn save(&self, value: &Value, rules: &Json) -> Tried {
        self.forget().await?;
        let mut row = self.row();
        row.set(self.column, value.clone());
        *E::active_rules_mut(&mut row) = Set(Rules::from_json(&rules.to_string()));
        row.update_and_follow(self.db).await?;
        Ok(())
    }

    async fn attach(&self, rules: &Json) -> Tried {
        self.forget().await?;
        let mut row = self.row();
        *E::active_rules_mut(&mut row) = Set(Rules::from_json(&rules.to_string()));
        row.update_and_follow(self.db).await?;
        Ok(())
    }

    async fn save_in_bulk(&self, value: &Value) -> Tried {
        let mut row = <E::ActiveModel as ActiveModelTrait>::default();
        row.set(self.column, value.clone());
        let bulk = E::follow_update_many().set(row);
        let done = bulk
            .filter(column::<E>("id").eq(self.id))
            .exec(self.db)
            .await?;
        match done.rows_affected {
            1 => Ok(()),
            rows => Err(format!("a bulk update changed {rows} rows").into()),
        }
    }

    /// Takes rules and events of earlier steps away.
    async fn forget(&self) -> Tried {
        self.db
            .execute_unprepared("DELETE FROM celerysalt_outbox")
            .await?;
        let none = Expr::val(Value::from(Rules::new()));
        let rules = column::<E>("on_change_rules");
        E::update_many().col_expr(rules, none).exec(self.db).await?;
        Ok(())
    }

    async fn expect(&self, ids: &[&str], new: &Json, old: &Json) -> Tried {
        let fired = outbox(self.db).await;
        let found: Vec<_> = fired
            .iter()
            .map(|event| event.meta["rule_id"].as_str().unwrap_or("?"))
            .collect();
        if found != ids {
            return Err(format!("expected {ids:?} to fire, {found:?} did").into());
        }
        let expected = json!({"new": new, "old": old});
        match fired.iter().find(|event| event.payload != expected) {
            Some(event) => {
                Err(format!("{ids:?}: the event says {}, not {expected}", event.payload).into())
            }
            None => Ok(()),
        }
    }

    /// The row, by its key alone.
    fn row(&self) -> E::ActiveModel {
        let mut row = <E::ActiveModel as ActiveModelTrait>::default();
        row.set(column::<E>("id"), self.id.into());
        row
    }
}

fn column<E: EntityTrait>(name: &str) -> E::Column {
    E::Column::iter()
        .find(|column| column.as_str() == name)
        .unwrap()
}
