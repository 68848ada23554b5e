//! The rules column: a model's field of type [`Rules`].

use std::fmt;
use std::ops::{Deref, DerefMut};

use celerysalt::rules::{Rule, Rules as CoreRules};
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::sql_types::{Json, Jsonb, Text};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The rules of a row, as a Diesel column: `on_change_rules -> Jsonb` in `table!` and
/// `on_change_rules: Rules` in the model.
///
/// In the database it is a JSON column, `NOT NULL` with default `'[]'`: `Jsonb` (or `Json`) on PostgreSQL, `Text` (or
/// `Json`) on SQLite, `Text` (`LONGTEXT`) or
/// `Json` on MySQL and MariaDB, default `('[]')` there. It acts as the core's [`celerysalt::rules::Rules`] and remembers what was loaded, so that a save
/// merges what the caller added and removed instead of overwriting what others did meanwhile. Text that is not valid
/// JSON does not fail the load: it is kept, and reported when the row is saved.
#[derive(Clone, Default, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
#[diesel(sql_type = Json)]
#[diesel(sql_type = Jsonb)]
pub struct Rules(CoreRules);

impl Rules {
    /// No rules. Saved in the place of those that a row has they take none of them out: that is
    /// [`clear`](celerysalt::rules::Rules::clear) on the loaded ones.
    pub fn new() -> Self {
        Self::default()
    }

    /// The rules of a JSON document, all of them new; see [`celerysalt::rules::Rules::from_json`].
    pub fn from_json(text: &str) -> Self {
        Self(CoreRules::from_json(text))
    }
}

impl Deref for Rules {
    type Target = CoreRules;

    fn deref(&self) -> &CoreRules {
        &self.0
    }
}

impl DerefMut for Rules {
    fn deref_mut(&mut self) -> &mut CoreRules {
        &mut self.0
    }
}

impl From<CoreRules> for Rules {
    fn from(rules: CoreRules) -> Self {
        Self(rules)
    }
}

impl From<Vec<Rule>> for Rules {
    fn from(rules: Vec<Rule>) -> Self {
        Self(rules.into())
    }
}

impl FromIterator<Rule> for Rules {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Self {
        Self(rules.into_iter().collect())
    }
}

impl From<Rules> for CoreRules {
    fn from(column: Rules) -> Self {
        column.0
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

// JSON has no NaN, so equality of rules is reflexive; models commonly derive `Eq`.
impl Eq for Rules {}

impl Serialize for Rules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        CoreRules::deserialize(deserializer).map(Self)
    }
}

/// What a NULL where rules should be is, and what to do about it.
#[cfg(any(
    feature = "sqlite",
    feature = "postgres_backend",
    feature = "mysql_backend"
))]
const NULL: &str = "the rules column is NULL in this row: set it to '[]' where it is NULL, and make the column NOT NULL \
     DEFAULT '[]'";

#[cfg(feature = "sqlite")]
mod sqlite {
    use diesel::deserialize::{self, FromSql};
    use diesel::serialize::{self, IsNull, Output, ToSql};
    use diesel::sql_types::{Json, Text};
    use diesel::sqlite::{Sqlite, SqliteValue};

    use super::{CoreRules, NULL, Rules};

    macro_rules! as_text {
        ($($sql:ty),+) => {$(
            impl FromSql<$sql, Sqlite> for Rules {
                fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
                    Ok(CoreRules::loaded(value.read_text()).into())
                }

                fn from_nullable_sql(
                    value: Option<SqliteValue<'_, '_, '_>>,
                ) -> deserialize::Result<Self> {
                    <Self as FromSql<$sql, Sqlite>>::from_sql(value.ok_or(NULL)?)
                }
            }

            impl ToSql<$sql, Sqlite> for Rules {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                    out.set_value(self.0.to_json());
                    Ok(IsNull::No)
                }
            }
        )+};
    }

    as_text!(Text, Json);
}

#[cfg(feature = "postgres_backend")]
mod postgres {
    use std::io::Write;

    use diesel::deserialize::{self, FromSql};
    use diesel::pg::{Pg, PgValue};
    use diesel::serialize::{self, IsNull, Output, ToSql};
    use diesel::sql_types::{Json, Jsonb, Text};

    use super::{CoreRules, NULL, Rules};

    /// The version that stands before the text of a `jsonb` value on the wire.
    const JSONB: u8 = 1;

    const IS_JSONB: &str = "the rules column is `jsonb` in the database: say `Jsonb` in `table!`";
    const IS_NO_JSONB: &str = "the rules column is not `jsonb` in the database (of a version that is known): make it \
         `jsonb`, or say `Json` or `Text` in `table!`";

    macro_rules! as_text {
        ($($sql:ty),+) => {$(
            impl FromSql<$sql, Pg> for Rules {
                fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                    match value.as_bytes() {
                        [JSONB, ..] => Err(IS_JSONB.into()),
                        text => loaded(text),
                    }
                }

                fn from_nullable_sql(value: Option<PgValue<'_>>) -> deserialize::Result<Self> {
                    <Self as FromSql<$sql, Pg>>::from_sql(value.ok_or(NULL)?)
                }
            }

            impl ToSql<$sql, Pg> for Rules {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                    out.write_all(self.0.to_json().as_bytes())?;
                    Ok(IsNull::No)
                }
            }
        )+};
    }

    as_text!(Text, Json);

    impl FromSql<Jsonb, Pg> for Rules {
        fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
            match value.as_bytes() {
                [JSONB, text @ ..] => loaded(text),
                _ => Err(IS_NO_JSONB.into()),
            }
        }

        fn from_nullable_sql(value: Option<PgValue<'_>>) -> deserialize::Result<Self> {
            <Self as FromSql<Jsonb, Pg>>::from_sql(value.ok_or(NULL)?)
        }
    }

    impl ToSql<Jsonb, Pg> for Rules {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            out.write_all(&[JSONB])?;
            out.write_all(self.0.to_json().as_bytes())?;
            Ok(IsNull::No)
        }
    }

    fn loaded(text: &[u8]) -> deserialize::Result<Rules> {
        Ok(CoreRules::loaded(std::str::from_utf8(text)?).into())
    }
}

#[cfg(feature = "mysql_backend")]
mod mysql {
    use std::io::Write;

    use diesel::deserialize::{self, FromSql};
    use diesel::mysql::{Mysql, MysqlValue};
    use diesel::serialize::{self, IsNull, Output, ToSql};
    use diesel::sql_types::{Json, Text};

    use super::{CoreRules, NULL, Rules};

    macro_rules! as_text {
        ($($sql:ty),+) => {$(
            impl FromSql<$sql, Mysql> for Rules {
                fn from_sql(value: MysqlValue<'_>) -> deserialize::Result<Self> {
                    let text = std::str::from_utf8(value.as_bytes())?;
                    Ok(CoreRules::loaded(text).into())
                }

                fn from_nullable_sql(value: Option<MysqlValue<'_>>) -> deserialize::Result<Self> {
                    <Self as FromSql<$sql, Mysql>>::from_sql(value.ok_or(NULL)?)
                }
            }

            impl ToSql<$sql, Mysql> for Rules {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Mysql>) -> serialize::Result {
                    out.write_all(self.0.to_json().as_bytes())?;
                    Ok(IsNull::No)
                }
            }
        )+};
    }

    as_text!(Text, Json);
}
