//! Whole saves by name, so that a parent can ask a child process for one, and what is true after one that died.

use std::str::FromStr;
use std::sync::Arc;

use celerysalt::clock::{self, SharedClock};
use celerysalt::inbox::Receipt;
use celerysalt::model::Operation;
use celerysalt::rules::Rule;
use celerysalt::testing::TestClock;
use chrono::{TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::bench::Bench;
use crate::events::{OrderGone, OrderMade};
use crate::fixture::{End, Failure, Fixture, Need, Step};
use crate::order::{Change, Order, paid};

/// What a save does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Makes a pending order.
    Insert,
    /// Pays an order that has the rule.
    Pay,
    /// Attaches the rule and pays in one save.
    AttachAndPay,
    /// Deletes the order.
    Delete,
}

/// How a save reaches the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// By itself.
    Alone,
    /// In a transaction of the caller's.
    InTransaction,
    /// By a handler that takes effect once, of an event that has the order's id.
    InHandler,
}

/// Every act.
pub const ACTS: [Act; 4] = [Act::Insert, Act::Pay, Act::AttachAndPay, Act::Delete];
/// Every form.
pub const FORMS: [Form; 3] = [Form::Alone, Form::InTransaction, Form::InHandler];

impl Form {
    /// Whether an adapter has it.
    pub fn is_known_to(self, bench: &Bench) -> bool {
        let need = match self {
            Self::Alone => return true,
            Self::InTransaction => Need::Transaction,
            Self::InHandler => Need::Inbox,
        };
        (bench.adapter.lacks)(bench.kind, need).is_none()
    }
}

impl Act {
    /// The order that the act is about.
    fn order(self, id: Uuid) -> Order {
        let rules = match self {
            Self::Insert => vec![made(), paid()],
            Self::Pay | Self::Delete => vec![paid(), gone()],
            Self::AttachAndPay => vec![],
        };
        Order {
            id,
            code: format!("act-{id}"),
            ..Order::pending(rules)
        }
    }

    /// The state that the act starts from.
    pub async fn prepare(self, bench: &Bench) -> Order {
        let order = self.order(Uuid::now_v7());
        match self {
            Self::Insert => order,
            _ => bench.insert(order).await,
        }
    }

    /// Does it, beginning with a look at the order.
    pub async fn run(self, fixture: &dyn Fixture, form: Form, id: Uuid) -> Result<(), Failure> {
        let step = match self {
            Self::Insert => Step::Insert(self.order(id)),
            act => act.step(fixture.load(id).await.ok_or(Failure::NotFound)?),
        };
        match form {
            Form::Alone => fixture.save(step).await,
            Form::InTransaction => fixture.transaction(vec![step], End::Commit).await,
            Form::InHandler => {
                let receipt = Receipt::new(id, "shop::handler");
                fixture.once(&receipt, vec![step]).await.map(drop)
            }
        }
    }

    fn step(self, order: Order) -> Step {
        let pay = Change::of().status("paid");
        match self {
            Self::Insert => Step::Insert(order),
            Self::Pay => Step::Update(order, pay),
            Self::AttachAndPay => {
                let mut rules = order.on_change_rules.clone();
                rules.push(paid());
                Step::Update(order, pay.on_change_rules(rules))
            }
            Self::Delete => Step::Delete(order),
        }
    }

    /// Whether the act is committed, by the row itself.
    fn is_committed(self, row: Option<&Order>) -> bool {
        match self {
            Self::Insert => row.is_some(),
            Self::Pay | Self::AttachAndPay => row.is_some_and(|order| order.status == "paid"),
            Self::Delete => row.is_none(),
        }
    }

    /// The one event of the committed act.
    pub fn topic(self) -> &'static str {
        match self {
            Self::Insert => "order.made",
            Self::Pay | Self::AttachAndPay => "order.paid",
            Self::Delete => "order.gone",
        }
    }

    fn rules_left(self, committed: bool) -> usize {
        match (self, committed) {
            (Self::Insert, _) | (Self::Pay, true) => 1,
            (Self::Pay | Self::Delete, _) => 2,
            (Self::AttachAndPay, _) => 0,
        }
    }

    /// After a restart: asserts that the events of a committed act are there and no others, its receipt in a handler too,
    /// and that the row is as it should be. Returns whether the act is committed.
    pub async fn assert_whole(self, bench: &Bench, form: Form, order: &Order, label: &str) -> bool {
        clock::scope(later(), bench.fixture.recover()).await;
        let row = bench.fixture.load(order.id).await;
        let committed = self.is_committed(row.as_ref());
        let expected = if committed {
            vec![self.topic()]
        } else {
            vec![]
        };
        let topics = bench.topics(order).await;
        assert_eq!(topics, expected, "{label}: committed is {committed}");
        let receipts = i64::from(committed && form == Form::InHandler);
        assert_eq!(
            bench.receipts(order.id).await,
            receipts,
            "{label}: receipts"
        );
        if (bench.adapter.lacks)(bench.kind, Need::History).is_none() {
            let kept = bench.history(order).await.len();
            let before = usize::from(self != Self::Insert);
            let expected = before + usize::from(committed);
            assert_eq!(kept, expected, "{label}: the history of a save");
        }
        if let Some(row) = row {
            let rules = &row.on_change_rules;
            assert!(rules.note().is_none(), "{label}: events travel in the row");
            assert_eq!(rules.len(), self.rules_left(committed), "{label}: rules");
        }
        let pending = bench.count("SELECT COUNT(*) AS n FROM celerysalt_pending");
        assert_eq!(pending.await, 0, "{label}: an intent is left");
        committed
    }
}

fn made() -> Rule {
    Rule::when(Order::STATUS)
        .eql("pending")
        .on([Operation::Insert])
        .emit::<OrderMade>(json!({"order_id": "{{ id }}"}))
        .once()
}

fn gone() -> Rule {
    Rule::when(Order::STATUS)
        .not_null()
        .on([Operation::Delete])
        .emit::<OrderGone>(json!({"order_id": "{{ id }}"}))
        .persistent()
}

/// An hour from now: every lease and every grace of a dead process has run out.
pub fn later() -> SharedClock {
    Arc::new(TestClock::at(Utc::now() + TimeDelta::hours(1)))
}

macro_rules! by_debug_name {
    ($type:ty, $all:expr) => {
        impl FromStr for $type {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                $all.into_iter()
                    .find(|it| format!("{it:?}") == name)
                    .ok_or_else(|| format!("no {name}"))
            }
        }
    };
}
by_debug_name!(Act, ACTS);
by_debug_name!(Form, FORMS);
