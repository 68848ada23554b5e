//! Conditions over the primary keys of many rows.

use sea_orm::sea_query::{Expr, ExprTrait, Query, ValueTuple};
use sea_orm::{ColumnTrait, Condition, DbBackend};

use crate::entity::Follow;
use crate::key::Key;

/// The rows of these keys.
pub(super) fn among<E: Follow>(keys: &[&Key<E>], backend: DbBackend) -> Expr {
    let columns = &E::followed().keys;
    if let [column] = columns.as_slice() {
        return column.is_in(keys.iter().flat_map(|key| key.values().iter().cloned()));
    }
    let tuple = Expr::tuple(
        columns
            .iter()
            .map(|column| Expr::col(column.as_column_ref())),
    );
    if backend == DbBackend::Sqlite {
        // A list of tuples would have SQLite scan the table; a subquery lets it use the key's index.
        let rows = keys
            .iter()
            .map(|key| ValueTuple::Many(key.values().to_vec()));
        let mut select = Query::select();
        select
            .expr(Expr::cust("*"))
            .from_values(rows, "celerysalt_keys");
        return tuple.in_subquery(select);
    }
    let tuples = keys.iter().map(|key| {
        let parts = std::iter::zip(columns, key.values());
        Expr::tuple(parts.map(|(column, value)| column.save_as(Expr::val(value.clone()))))
    });
    tuple.is_in(tuples)
}

/// The rows behind this key, in the order of the key's columns.
///
/// `a >= 1 AND (a > 1 OR (a = 1 AND b > 2))`: the first part says nothing new, but is what every database finds by its
/// index.
pub(super) fn after<E: Follow>(key: &Key<E>) -> Condition {
    let parts: Vec<_> = std::iter::zip(&E::followed().keys, key.values()).collect();
    let Some((first, start)) = parts.first() else {
        return Condition::all();
    };
    let behind = (0..parts.len()).map(|at| {
        let equal = parts[..at].iter();
        let equal = equal.fold(Condition::all(), |all, (column, value)| {
            all.add(column.eq((*value).clone()))
        });
        let (column, value) = parts[at];
        equal.add(column.gt(value.clone()))
    });
    let behind = behind.fold(Condition::any(), Condition::add);
    Condition::all()
        .add(first.gte((*start).clone()))
        .add(behind)
}
