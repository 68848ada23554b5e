//! Two models of a column of each type: never null, and nullable.

use serde_json::Value as Json;

/// A type of field, and where it stands in the table that is printed.
pub type Kind = (usize, &'static str);

/// A column on which rules can stand.
pub struct Case {
    pub kind: Kind,
    pub field: &'static str,
    pub sql: &'static str,
    /// The second value as a rule may say it.
    pub literal: &'static str,
    /// The first and the second value as an event shows them.
    pub shown: [&'static str; 2],
}

impl Case {
    pub fn literal(&self) -> Json {
        serde_json::from_str(self.literal).unwrap()
    }

    pub fn shown(&self) -> [Json; 2] {
        self.shown.map(|shown| serde_json::from_str(shown).unwrap())
    }
}

/// A column on which none can.
pub struct Refused {
    pub kind: Kind,
    pub field: &'static str,
    pub sql: &'static str,
    /// The type as the refusal names it.
    pub ty: &'static str,
}

/// What was found of a type.
pub struct Checked {
    pub kind: Kind,
    pub sql: &'static str,
    pub found: Result<&'static str, String>,
}

/// The models `Every` and `Maybe` of these columns, their tables and the cases.
macro_rules! types {
    (
        rules [$($rules:tt)+] $rules_ddl:literal
        followed {$(
            $kind:ident: $(#[$attr:meta])* $field:ident [$($sql:tt)+] $rust:ty = $ddl:literal,
            $first:expr, $second:expr, $literal:literal, $shown_first:literal, $shown_second:literal;
        )+}
        refused {$(
            $no_kind:ident: $no_field:ident [$($no_sql:tt)+] $no_rust:ty = $no_ddl:literal, $no_value:expr, $no_ty:literal;
        )+}
    ) => {
        diesel::table! {
            every (id) {
                id -> BigInt,
                $($field -> $($sql)+,)+
                $($no_field -> $($no_sql)+,)+
                on_change_rules -> $($rules)+,
            }
        }

        diesel::table! {
            maybe (id) {
                id -> BigInt,
                $($field -> Nullable<$($sql)+>,)+
                $($no_field -> Nullable<$($no_sql)+>,)+
                on_change_rules -> $($rules)+,
            }
        }

        #[derive(
            Debug, Clone, diesel::Queryable, diesel::Selectable, diesel::Identifiable, diesel::Insertable,
            diesel::AsChangeset, celerysalt_diesel::FollowActions,
        )]
        #[diesel(table_name = every)]
        pub struct Every {
            pub id: i64,
            $($(#[$attr])* pub $field: $rust,)+
            $(pub $no_field: $no_rust,)+
            pub on_change_rules: celerysalt_diesel::Rules,
        }

        #[derive(
            Debug, Clone, diesel::Queryable, diesel::Selectable, diesel::Identifiable, diesel::Insertable,
            diesel::AsChangeset, celerysalt_diesel::FollowActions,
        )]
        #[diesel(table_name = maybe, treat_none_as_null = true)]
        pub struct Maybe {
            pub id: i64,
            $($(#[$attr])* pub $field: Option<$rust>,)+
            $(pub $no_field: Option<$no_rust>,)+
            pub on_change_rules: celerysalt_diesel::Rules,
        }

        impl Every {
            /// Each column's first value.
            fn first(rules: celerysalt_diesel::Rules) -> Self {
                Self { id: 1, $($field: $first,)+ $($no_field: $no_value,)+ on_change_rules: rules }
            }

            /// Each column's second value.
            fn second(rules: celerysalt_diesel::Rules) -> Self {
                Self { $($field: $second,)+ ..Self::first(rules) }
            }
        }

        impl Maybe {
            fn none(rules: celerysalt_diesel::Rules) -> Self {
                Self { id: 1, $($field: None,)+ $($no_field: None,)+ on_change_rules: rules }
            }

            fn second(rules: celerysalt_diesel::Rules) -> Self {
                Self { $($field: Some($second),)+ ..Self::none(rules) }
            }
        }

        const CASES: &[$crate::columns::Case] = &[$(
            $crate::columns::Case {
                kind: $crate::kinds::$kind,
                field: stringify!($field),
                sql: $ddl,
                literal: $literal,
                shown: [$shown_first, $shown_second],
            },
        )+];

        const REFUSED: &[$crate::columns::Refused] = &[$(
            $crate::columns::Refused {
                kind: $crate::kinds::$no_kind,
                field: stringify!($no_field),
                sql: $no_ddl,
                ty: $no_ty,
            },
        )+];

        fn tables() -> String {
            ["every", "maybe"].map(|table| {
                let null = if table == "every" { "NOT NULL" } else { "NULL" };
                let columns = [$(format!("{} {} {null}", stringify!($field), $ddl),)+ $(format!("{} {} {null}", stringify!($no_field), $no_ddl),)+];
                format!(
                    "CREATE TABLE {table} (id bigint PRIMARY KEY, {}, on_change_rules {} NOT NULL);",
                    columns.join(", "), $rules_ddl,
                )
            }).concat()
        }

        include!("check.rs");
    };
}
