//! An order as every adapter stores it, and a change of it, in words of no adapter.

use celerysalt::rules::{Rule, Rules};
use celerysalt_plain::FollowActions;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::events::{OrderGone, OrderMade, OrderPaid, OrderRemarked, OrderTold};

macro_rules! order {
    ($($(#[$doc:meta])* $column:ident: $type:ty,)+) => {
        /// An order, as a caller has it in memory. Its rules remember how they were loaded.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, FollowActions)]
        #[follow(
            name = "order",
            key = "id",
            events = [OrderMade, OrderPaid, OrderGone, OrderRemarked, OrderTold],
            code_rules = code_rules,
            history("status")
        )]
        pub struct Order {
            /// Its identity.
            pub id: Uuid,
            $($(#[$doc])* pub $column: $type,)+
        }

        /// What a save writes: the columns that are set.
        #[derive(Debug, Clone, Default)]
        pub struct Change {
            $($(#[$doc])* pub $column: Option<$type>,)+
        }

        impl Change {
            /// Every column, as the caller has it in memory.
            pub fn everything(order: &Order) -> Self {
                Self { $($column: Some(order.$column.clone()),)+ }
            }

            /// Whether every column is written.
            pub fn is_everything(&self) -> bool {
                true $(&& self.$column.is_some())+
            }

            /// The order with these columns.
            pub fn on(self, mut order: Order) -> Order {
                $(if let Some(value) = self.$column { order.$column = value; })+
                order
            }

            $($(#[$doc])*
            #[must_use]
            pub fn $column(mut self, value: impl Into<$type>) -> Self {
                self.$column = Some(value.into());
                self
            })+
        }
    };
}

order! {
    /// Unique text.
    code: String,
    /// `pending`, `paid`, …
    status: String,
    /// What it costs.
    amount: Decimal,
    /// How many.
    quantity: Option<i64>,
    /// In kilograms.
    weight: f64,
    /// Whether the customer is one of the best.
    vip: bool,
    /// Free text.
    remark: Option<String>,
    /// The day by which it is wanted.
    due: Option<NaiveDate>,
    /// When it was paid.
    paid_at: Option<DateTime<Utc>>,
    /// Anything else.
    details: Json,
    /// Its rules.
    on_change_rules: Rules,
}

impl Change {
    /// Nothing yet.
    pub fn of() -> Self {
        Self::default()
    }
}

impl Order {
    /// A pending order that nobody has stored yet.
    pub fn pending(rules: impl IntoIterator<Item = Rule>) -> Self {
        let id = Uuid::now_v7();
        Self {
            id,
            code: format!("code-{id}"),
            status: "pending".into(),
            amount: Decimal::new(9990, 2),
            quantity: Some(5),
            weight: 1.5,
            vip: false,
            remark: None,
            due: NaiveDate::from_ymd_opt(2026, 1, 31),
            paid_at: None,
            details: json!({"city": "Ulm", "n": 1, "items": [{"sku": "a"}]}),
            on_change_rules: rules.into_iter().collect(),
        }
    }
}

/// The rules that stand outside the rows: a certain remark is told of every order.
pub fn code_rules() -> Vec<Rule> {
    let remarked = Rule::when(Order::REMARK).eql("tell");
    vec![
        remarked
            .emit::<OrderRemarked>(json!({"order_id": "{{ id }}"}))
            .id("remarked"),
    ]
}

/// Tells once that an order was paid.
pub fn paid() -> Rule {
    Rule::when(Order::STATUS)
        .eql("paid")
        .emit::<OrderPaid>(json!({"order_id": "{{ id }}", "amount": "{{ amount }}"}))
        .once()
}
