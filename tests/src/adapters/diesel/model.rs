//! Diesel's order: the same structs on each database, over the column types that the database has.

/// The table, the model and its changeset. Expects `Id`, `Amount` and `Instant` in scope.
macro_rules! model {
    (id: $id:ident, amount: $amount:ident, paid_at: $instant:ident, details: $json:ident, rules: $rules:ident) => {
        ::diesel::table! {
            orders (id) {
                id -> $id,
                code -> Text,
                status -> Text,
                amount -> $amount,
                quantity -> Nullable<BigInt>,
                weight -> Double,
                vip -> Bool,
                remark -> Nullable<Text>,
                due -> Nullable<Date>,
                paid_at -> Nullable<$instant>,
                details -> $json,
                on_change_rules -> $rules,
            }
        }

        #[derive(
            Debug,
            Clone,
            ::diesel::Queryable,
            ::diesel::Selectable,
            ::diesel::Identifiable,
            ::diesel::Insertable,
            ::diesel::AsChangeset,
            ::celerysalt_diesel::FollowActions,
        )]
        #[diesel(table_name = orders, treat_none_as_null = true)]
        #[follow(
                                                            name = "order",
                                                            events = [
                                                                $crate::events::OrderMade,
                                                                $crate::events::OrderPaid,
                                                                $crate::events::OrderGone,
                                                                $crate::events::OrderRemarked,
                                                                $crate::events::OrderTold,
                                                            ],
                                                            code_rules = $crate::order::code_rules,
            history("status")
                                                        )]
        pub(crate) struct Row {
            id: Id,
            code: String,
            status: String,
            amount: Amount,
            quantity: Option<i64>,
            weight: f64,
            vip: bool,
            remark: Option<String>,
            due: Option<::chrono::NaiveDate>,
            paid_at: Option<Instant>,
            details: ::serde_json::Value,
            on_change_rules: ::celerysalt_diesel::Rules,
        }

        #[derive(Debug, Clone, ::diesel::AsChangeset, ::celerysalt_diesel::FollowActions)]
        #[diesel(table_name = orders)]
        #[follow(changes = Row)]
        pub(crate) struct RowChanges {
            code: Option<String>,
            status: Option<String>,
            amount: Option<Amount>,
            quantity: Option<Option<i64>>,
            weight: Option<f64>,
            vip: Option<bool>,
            remark: Option<Option<String>>,
            due: Option<Option<::chrono::NaiveDate>>,
            paid_at: Option<Option<Instant>>,
            details: Option<::serde_json::Value>,
            on_change_rules: Option<::celerysalt_diesel::Rules>,
        }

        /// The rows of these keys.
        pub(crate) fn of(
            ids: Vec<::uuid::Uuid>,
        ) -> ::diesel::dsl::Filter<orders::table, ::diesel::dsl::EqAny<orders::id, Vec<Id>>> {
            use ::diesel::{ExpressionMethods, QueryDsl};

            let keys: Vec<Id> = ids.into_iter().map(Stored::of).collect();
            orders::table.filter(orders::id.eq_any(keys))
        }

        impl From<$crate::order::Order> for Row {
            fn from(order: $crate::order::Order) -> Self {
                Self {
                    id: Stored::of(order.id),
                    code: order.code,
                    status: order.status,
                    amount: Stored::of(order.amount),
                    quantity: order.quantity,
                    weight: order.weight,
                    vip: order.vip,
                    remark: order.remark,
                    due: order.due,
                    paid_at: order.paid_at.map(Stored::of),
                    details: order.details,
                    on_change_rules: order.on_change_rules.into(),
                }
            }
        }

        impl From<Row> for $crate::order::Order {
            fn from(row: Row) -> Self {
                Self {
                    id: row.id.neutral(),
                    code: row.code,
                    status: row.status,
                    amount: row.amount.neutral(),
                    quantity: row.quantity,
                    weight: row.weight,
                    vip: row.vip,
                    remark: row.remark,
                    due: row.due,
                    paid_at: row.paid_at.map(Stored::neutral),
                    details: row.details,
                    on_change_rules: row.on_change_rules.into(),
                }
            }
        }

        impl From<$crate::order::Change> for RowChanges {
            fn from(change: $crate::order::Change) -> Self {
                Self {
                    code: change.code,
                    status: change.status,
                    amount: change.amount.map(Stored::of),
                    quantity: change.quantity,
                    weight: change.weight,
                    vip: change.vip,
                    remark: change.remark,
                    due: change.due,
                    paid_at: change.paid_at.map(|at| at.map(Stored::of)),
                    details: change.details,
                    on_change_rules: change.on_change_rules.map(Into::into),
                }
            }
        }
    };
}

pub(crate) mod sqlite {
    use chrono::{DateTime, Utc};

    pub(crate) use super::super::values::Key as Id;
    use super::super::values::{Exact as Amount, Stored};

    type Instant = DateTime<Utc>;

    model!(id: Text, amount: Text, paid_at: TimestamptzSqlite, details: Json, rules: Text);
}

pub(crate) mod postgres {
    use bigdecimal::BigDecimal as Amount;
    use chrono::{DateTime, Utc};
    pub(crate) use uuid::Uuid as Id;

    use super::super::values::Stored;

    type Instant = DateTime<Utc>;

    model!(id: Uuid, amount: Numeric, paid_at: Timestamptz, details: Jsonb, rules: Jsonb);
}

pub(crate) mod mariadb {
    use bigdecimal::BigDecimal as Amount;

    pub(crate) use super::super::values::Key as Id;
    use super::super::values::{Instant, Stored};

    model!(id: Text, amount: Numeric, paid_at: Datetime, details: Json, rules: Json);
}
