//! Every type of field, through the database and into rules and events.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

mod postgres {
    use bigdecimal::BigDecimal;
    use celerysalt::event;
    use celerysalt::rules::Rule;
    use celerysalt::value::FieldType;
    use celerysalt_diesel::{Follow, FollowActions, FollowSave, Rules};
    use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    use crate::support::postgres::{TestDb, outbox};

    diesel::table! {
        every (id) {
            id -> Uuid,
            yes -> Bool,
            small -> SmallInt,
            long -> BigInt,
            single -> Float,
            double -> Double,
            price -> Numeric,
            text -> Text,
            day -> Date,
            time -> Time,
            local -> Timestamp,
            instant -> Timestamptz,
            doc -> Jsonb,
            state -> Text,
            bytes -> Bytea,
            tags -> Array<Text>,
            level -> Nullable<Integer>,
            on_change_rules -> Jsonb,
        }
    }

    /// Everything, as text and JSON.
    #[event("every.changed")]
    pub struct Changed {
        pub field: String,
        pub value: serde_json::Value,
    }

    #[derive(
        Debug,
        Clone,
        Copy,
        PartialEq,
        diesel::expression::AsExpression,
        diesel::deserialize::FromSqlRow,
    )]
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub enum State {
        Open,
        Closed,
    }

    impl std::fmt::Display for State {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(match self {
                Self::Open => "open",
                Self::Closed => "closed",
            })
        }
    }

    impl diesel::serialize::ToSql<diesel::sql_types::Text, diesel::pg::Pg> for State {
        fn to_sql<'b>(
            &'b self,
            out: &mut diesel::serialize::Output<'b, '_, diesel::pg::Pg>,
        ) -> diesel::serialize::Result {
            use std::io::Write;
            write!(out, "{self}")?;
            Ok(diesel::serialize::IsNull::No)
        }
    }

    impl diesel::deserialize::FromSql<diesel::sql_types::Text, diesel::pg::Pg> for State {
        fn from_sql(value: diesel::pg::PgValue<'_>) -> diesel::deserialize::Result<Self> {
            match value.as_bytes() {
                b"open" => Ok(Self::Open),
                b"closed" => Ok(Self::Closed),
                _ => Err("no state".into()),
            }
        }
    }

    #[derive(
        Debug,
        Clone,
        PartialEq,
        Queryable,
        Selectable,
        Identifiable,
        Insertable,
        AsChangeset,
        FollowActions,
    )]
    #[diesel(table_name = every)]
    pub struct Every {
        id: Uuid,
        yes: bool,
        small: i16,
        long: i64,
        single: f32,
        double: f64,
        price: BigDecimal,
        text: String,
        day: NaiveDate,
        time: NaiveTime,
        local: NaiveDateTime,
        instant: DateTime<Utc>,
        doc: serde_json::Value,
        #[follow(text)]
        state: State,
        bytes: Vec<u8>,
        #[follow(skip)]
        tags: Vec<String>,
        level: Option<i32>,
        on_change_rules: Rules,
    }

    fn first() -> Every {
        Every {
            id: Uuid::now_v7(),
            yes: false,
            small: -1,
            long: i64::MAX - 1,
            single: 0.1,
            double: 0.1,
            price: "99.99".parse().unwrap(),
            text: "a".into(),
            day: "2026-01-31".parse().unwrap(),
            time: "08:30:00".parse().unwrap(),
            local: "2026-01-31T08:30:00".parse().unwrap(),
            instant: "2026-01-31T08:30:00Z".parse().unwrap(),
            doc: json!({"city": "Ulm", "n": 1}),
            state: State::Open,
            bytes: vec![1],
            tags: vec!["x".into()],
            level: None,
            on_change_rules: Rules::new(),
        }
    }

    fn second(first: &Every) -> Every {
        Every {
            yes: true,
            small: 2,
            long: i64::MAX,
            single: 0.2,
            double: 0.2,
            price: "100.10".parse().unwrap(),
            text: "b".into(),
            day: "2026-02-01".parse().unwrap(),
            time: "08:30:01".parse().unwrap(),
            local: "2026-01-31T08:30:01".parse().unwrap(),
            instant: "2026-01-31T08:30:00.000001999Z".parse().unwrap(),
            doc: json!({"city": "Bonn", "n": 1}),
            state: State::Closed,
            bytes: vec![2],
            tags: vec![],
            level: Some(3),
            ..first.clone()
        }
    }

    /// What each field becomes, as a rule's literal and as an event shows it.
    const EXPECTED: [(&str, &str, &str); 14] = [
        ("yes", "true", "true"),
        ("small", "2", "2"),
        ("long", "9223372036854775807", "9223372036854775807"),
        ("single", "0.2", "0.2"),
        ("double", "0.2", "0.2"),
        // The database's digits, not the caller's.
        ("price", "\"100.1\"", "\"100.10\""),
        ("text", "\"b\"", "\"b\""),
        ("day", "\"2026-02-01\"", "\"2026-02-01\""),
        ("time", "\"08:30:01\"", "\"08:30:01\""),
        (
            "local",
            "\"2026-01-31T08:30:01\"",
            "\"2026-01-31T08:30:01\"",
        ),
        (
            "instant",
            "\"2026-01-31T10:30:00.000001+02:00\"",
            "\"2026-01-31T08:30:00.000001Z\"",
        ),
        (
            "doc",
            "{\"n\": 1.0, \"city\": \"Bonn\"}",
            "{\"city\":\"Bonn\",\"n\":1}",
        ),
        ("state", "\"closed\"", "\"closed\""),
        ("level", "3", "3"),
    ];

    fn rule(field: &str, value: serde_json::Value) -> Rule {
        let draft = Rule::when(field).eql(value);
        draft.emit::<Changed>(json!({"field": field, "value": format!("{{{{ {field} }}}}")}))
    }

    fn table(conn: &mut PgConnection) {
        conn.batch_execute(
            "CREATE TABLE every (id uuid PRIMARY KEY, yes boolean NOT NULL, small smallint NOT NULL, long bigint NOT NULL,
             single real NOT NULL, double double precision NOT NULL, price numeric(20, 2) NOT NULL, text text NOT NULL,
             day date NOT NULL, time time NOT NULL, local timestamp NOT NULL, instant timestamptz NOT NULL,
             doc jsonb NOT NULL, state text NOT NULL, bytes bytea NOT NULL, tags text[] NOT NULL, level integer,
             on_change_rules jsonb NOT NULL DEFAULT '[]')",
        )
        .unwrap();
    }

    #[test]
    fn each_type_compares_as_itself() {
        let test = TestDb::new();
        let conn = &mut test.connect();
        table(conn);
        let mut row = first();
        for (field, literal, _) in EXPECTED {
            row.on_change_rules
                .push(rule(field, serde_json::from_str(literal).unwrap()));
        }
        let row = row.insert_and_follow(conn).unwrap();
        let saved = second(&row).update_and_follow(conn).unwrap();
        let left: Vec<_> = saved
            .on_change_rules
            .iter()
            .map(|rule| rule.field_name.as_str())
            .collect();
        assert!(left.is_empty(), "{left:?} did not fire");
        for (fired, (field, _, shown)) in std::iter::zip(outbox(conn), EXPECTED) {
            let shown: serde_json::Value = serde_json::from_str(shown).unwrap();
            assert_eq!(fired.payload(), json!({"field": field, "value": shown}));
        }
        // The same again changes nothing.
        let changed = |field: &str| {
            let draft = Rule::when(field).changed();
            draft.emit::<Changed>(json!({"field": field, "value": ""}))
        };
        let mut same = saved.clone();
        same.on_change_rules
            .extend(EXPECTED.iter().map(|(field, ..)| changed(field)));
        let same = same.update_and_follow(conn).unwrap();
        assert_eq!(same.on_change_rules.len(), EXPECTED.len());
    }

    #[test]
    fn what_cannot_be_compared_carries_no_rule() {
        let test = TestDb::new();
        let conn = &mut test.connect();
        table(conn);
        let ty = |field: &str| {
            Every::definition()
                .field(field)
                .map(|(_, def)| def.ty.clone())
        };
        assert!(matches!(ty("bytes"), Some(FieldType::Unsupported(_))));
        assert_eq!((ty("tags"), ty("state")), (None, Some(FieldType::Text)));
        assert!(Every::definition().field("level").unwrap().1.nullable);
        for field in ["bytes", "tags"] {
            let mut row = first();
            row.on_change_rules.push(rule(field, json!("x")));
            assert!(
                row.insert_and_follow(conn)
                    .unwrap_err()
                    .to_string()
                    .contains(field)
            );
        }
    }
}
