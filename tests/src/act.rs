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
use crate::fixture::{CHUNK, End, Failure, Fixture, Need, Step};
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
    /// Pays the order and others in one bulk save of more than a chunk.
    PayMany,
    /// Deletes the order and others in one bulk save of more than a chunk.
    DeleteMany,
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

/// Every act of one order.
pub const ACTS: [Act; 4] = [Act::Insert, Act::Pay, Act::AttachAndPay, Act::Delete];
/// Every act of many orders.
const BULK_ACTS: [Act; 2] = [Act::PayMany, Act::DeleteMany];
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
    /// The orders that the act is about, by the first of them.
    fn ids(self, first: Uuid) -> impl Iterator<Item = Uuid> {
        let many = match self {
            Self::PayMany | Self::DeleteMany => CHUNK + 1,
            _ => 1,
        };
        (0..many).map(move |n| Uuid::from_u128(first.as_u128().wrapping_add(n as u128)))
    }

    /// An order that the act is about.
    fn order(self, id: Uuid) -> Order {
        let rules = match self {
            Self::Insert => vec![made(), paid()],
            Self::AttachAndPay => vec![],
            _ => vec![paid(), gone()],
        };
        Order {
            id,
            code: format!("act-{id}"),
            ..Order::pending(rules)
        }
    }

    /// The state that the act starts from; the first of its orders.
    pub async fn prepare(self, bench: &Bench) -> Order {
        let first = self.order(Uuid::now_v7());
        if self != Self::Insert {
            for id in self.ids(first.id) {
                bench.insert(self.order(id)).await;
            }
        }
        first
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
            Self::PayMany => Step::UpdateMany(self.ids(order.id).collect(), pay),
            Self::DeleteMany => Step::DeleteMany(self.ids(order.id).collect()),
        }
    }

    /// Whether the act is committed, by the row itself.
    fn is_committed(self, row: Option<&Order>) -> bool {
        match self {
            Self::Insert => row.is_some(),
            Self::Delete | Self::DeleteMany => row.is_none(),
            _ => row.is_some_and(|order| order.status == "paid"),
        }
    }

    /// The one event of each order of the committed act.
    pub fn topic(self) -> &'static str {
        match self {
            Self::Insert => "order.made",
            Self::Delete | Self::DeleteMany => "order.gone",
            _ => "order.paid",
        }
    }

    fn rules_left(self, committed: bool) -> usize {
        match (self, committed) {
            (Self::AttachAndPay, _) => 0,
            (Self::Insert, _) | (Self::Pay | Self::PayMany, true) => 1,
            _ => 2,
        }
    }

    /// After a restart: asserts that the events of a committed act are there and no others, its receipt in a handler too,
    /// and that its rows are as they should be, all or none of them changed. Returns whether the act is committed.
    pub async fn assert_whole(self, bench: &Bench, form: Form, first: &Order, label: &str) -> bool {
        clock::scope(later(), bench.fixture.recover()).await;
        let committed = self.is_committed(bench.fixture.load(first.id).await.as_ref());
        let label = format!("{label}: committed is {committed}");
        for id in self.ids(first.id) {
            self.assert_row(bench, id, committed, &label).await;
        }
        let receipts = i64::from(committed && form == Form::InHandler);
        assert_eq!(
            bench.receipts(first.id).await,
            receipts,
            "{label}: receipts"
        );
        let pending = bench.count("SELECT COUNT(*) AS n FROM celerysalt_pending");
        assert_eq!(pending.await, 0, "{label}: an intent is left");
        committed
    }

    async fn assert_row(self, bench: &Bench, id: Uuid, committed: bool, label: &str) {
        let (order, row) = (self.order(id), bench.fixture.load(id).await);
        let changed = self.is_committed(row.as_ref());
        assert_eq!(changed, committed, "{label}: order {id}");
        let expected: &[&str] = if committed { &[self.topic()] } else { &[] };
        assert_eq!(bench.topics(&order).await, expected, "{label}: order {id}");
        if (bench.adapter.lacks)(bench.kind, Need::History).is_none() {
            let kept = bench.history(&order).await.len();
            let before = usize::from(self != Self::Insert);
            let expected = before + usize::from(committed);
            assert_eq!(kept, expected, "{label}: the history of a save");
        }
        if let Some(row) = row {
            let rules = &row.on_change_rules;
            assert!(rules.note().is_none(), "{label}: events travel in the row");
            assert_eq!(rules.len(), self.rules_left(committed), "{label}: rules");
        }
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
by_debug_name!(Act, ACTS.into_iter().chain(BULK_ACTS));
by_debug_name!(Form, FORMS);
