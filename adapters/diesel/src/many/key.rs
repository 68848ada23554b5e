//! A primary key as SQL: its columns, and the values of one row.

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;
use diesel::{Column, Expression};

/// The values of a primary key of these columns, one to eight of them. Nothing here is implemented by hand.
#[diagnostic::on_unimplemented(
    message = "the primary key `{Self}` cannot be used in a bulk save on `{DB}`",
    note = "a key has one to eight columns, each field of a type that Diesel can write to its column"
)]
pub trait KeySql<Columns, DB: Backend> {
    /// The columns' names.
    #[doc(hidden)]
    const COLUMNS: &'static [&'static str];

    /// Binds the first value.
    #[doc(hidden)]
    fn push_first<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()>;

    /// Binds the values, with commas between.
    #[doc(hidden)]
    fn push<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

macro_rules! keys {
    ($(($($value:ident $column:ident $at:tt),+);)+) => {$(
        impl<DB, $($value, $column),+> KeySql<($($column,)+), DB> for ($($value,)+)
        where
            DB: Backend,
            $($column: Column,)+
            $(DB: HasSqlType<<$column as Expression>::SqlType>,)+
            $($value: ToSql<<$column as Expression>::SqlType, DB>,)+
        {
            const COLUMNS: &'static [&'static str] = &[$(<$column as Column>::NAME),+];

            fn push_first<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
                out.push_bind_param::<<CA as Expression>::SqlType, _>(&self.0)
            }

            fn push<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
                $(
                    if $at > 0 {
                        out.push_sql(", ");
                    }
                    out.push_bind_param::<<$column as Expression>::SqlType, _>(&self.$at)?;
                )+
                Ok(())
            }
        }
    )+};
}

keys! {
    (A CA 0);
    (A CA 0, B CB 1);
    (A CA 0, B CB 1, C CC 2);
    (A CA 0, B CB 1, C CC 2, D CD 3);
    (A CA 0, B CB 1, C CC 2, D CD 3, E CE 4);
    (A CA 0, B CB 1, C CC 2, D CD 3, E CE 4, F CF 5);
    (A CA 0, B CB 1, C CC 2, D CD 3, E CE 4, F CF 5, G CG 6);
    (A CA 0, B CB 1, C CC 2, D CD 3, E CE 4, F CF 5, G CG 6, H CH 7);
}
