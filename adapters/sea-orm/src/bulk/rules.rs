//! Takes spent rules out of many rows.

use std::collections::BTreeMap;

use celerysalt::rules::Rules as CoreRules;
use sea_orm::sea_query::{CaseStatement, Expr, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr};

use super::keys;
use crate::column::Rules;
use crate::entity::Follow;
use crate::key::Key;

/// Writes the rules that are left in each row, in one statement for all.
pub(super) async fn write<E: Follow, C: ConnectionTrait>(
    db: &C,
    left: Vec<(&Key<E>, CoreRules)>,
) -> Result<(), DbErr> {
    if left.is_empty() {
        return Ok(());
    }
    let backend = db.get_database_backend();
    let rows: Vec<&Key<E>> = left.iter().map(|(key, _)| *key).collect();
    let column = E::followed().rules;
    let mut update = Query::update();
    update
        .table(E::default().table_ref())
        .value(column, by_row::<E>(left, backend))
        .and_where(keys::among(&rows, backend));
    db.execute(&update).await.map(drop)
}

/// What each row is to hold: rows whose rules are alike, most often spent ones, share a value.
fn by_row<E: Follow>(left: Vec<(&Key<E>, CoreRules)>, backend: DbBackend) -> Expr {
    let mut alike: BTreeMap<String, (CoreRules, Vec<&Key<E>>)> = BTreeMap::new();
    for (key, rules) in left {
        let (_, keys) = alike
            .entry(rules.to_json())
            .or_insert_with(|| (rules, Vec::new()));
        keys.push(key);
    }
    let value = |rules: CoreRules| E::followed().rules.save_as(Expr::val(Rules::from(rules)));
    if alike.len() == 1 {
        let (rules, _) = alike.into_values().next().unwrap_or_default();
        return value(rules);
    }
    let cases = alike.into_values();
    cases
        .fold(CaseStatement::new(), |cases, (rules, keys)| {
            cases.case(keys::among(&keys, backend), value(rules))
        })
        .into()
}
