//! What changes whenever a row does.

use sea_orm::sea_query::{ArrayType, Expr};
use sea_orm::{ColumnTrait, ColumnType, DbBackend, DbErr, IdenStatic, Iterable, ModelTrait};

use crate::entity::Follow;
use crate::row;

/// An expression over a row that tells whether it is still the one that was read. On PostgreSQL the row version's own
/// marks (`ctid` beside `xmin`, since one transaction may write a row twice); elsewhere the values themselves.
pub(crate) fn fingerprint<E: Follow>(backend: DbBackend) -> Result<Expr, DbErr> {
    match backend {
        DbBackend::Postgres => Ok(Expr::cust(
            "xmin::text || '/' || cmin::text || '/' || ctid::text",
        )),
        DbBackend::Sqlite => {
            let quoted = E::Column::iter()
                .filter(|column| !is_blob(column.def().get_column_type()))
                .map(|column| format!("quote(\"{}\")", column.as_str().replace('"', "\"\"")));
            Ok(Expr::cust(quoted.collect::<Vec<_>>().join(" || ',' || ")))
        }
        DbBackend::MySql => {
            let digests = E::Column::iter().flat_map(digests::<E>);
            let digests = digests.collect::<Vec<_>>().join(", ");
            Ok(Expr::cust(format!("SHA2(CONCAT({digests}), 256)")))
        }
        other => Err(row::unsupported(other)),
    }
}

fn is_blob(ty: &ColumnType) -> bool {
    matches!(
        ty,
        ColumnType::Blob | ColumnType::Binary(_) | ColumnType::VarBinary(_)
    )
}

/// MySQL compares text by collation (`a` is `A`), JSON by meaning and shows a FLOAT with six digits, so the bytes are
/// compared. One digest a column, so that nothing is longer than a packet may be and values cannot run together.
fn digests<E: Follow>(column: E::Column) -> Vec<String> {
    let name = format!("`{}`", column.as_str().replace('`', "``"));
    let digest = |value: &str| format!("COALESCE(SHA2({value}, 256), '-')");
    let bytes = |value: &str| digest(&format!("CAST({value} AS BINARY)"));
    match <E::Model as ModelTrait>::get_value_type(column) {
        // As a DOUBLE a FLOAT has all its digits; a DECIMAL in the database has them as it is.
        ArrayType::Float | ArrayType::Double => {
            vec![bytes(&name), bytes(&format!("{name} + 0e0"))]
        }
        ArrayType::Json => vec![digest(&format!("CAST({name} AS CHAR)"))],
        _ => vec![bytes(&name)],
    }
}
