//! Operators on the types of columns, as the adapter reads them from the database.

use celerysalt::rules::Rule;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group};
use crate::order::{Change, Order};
use crate::tell::{assert_told, tells};

const CASES: &[Case] = &[
    case!(text),
    case!(decimals),
    case!(decimals_beyond_a_double),
    case!(integers),
    case!(wide_integers),
    case!(floats),
    case!(booleans),
    case!(dates),
    case!(instants),
    case!(json_paths),
    case!(nulls),
    case!(references_to_other_fields),
    case!(the_same_value_in_another_form_is_unchanged),
];

/// Operators by type.
pub(super) const GROUP: Group = Group {
    name: "operators",
    cases: CASES,
};

/// Asserts of each line whether it fires at this change: `+` or `-`, field, operator, value.
async fn assert_fire(
    bench: &Bench,
    order: Order,
    change: Change,
    lines: &[(char, &str, &str, Json)],
) {
    let named = |(at, line): (usize, &(char, &str, &str, Json))| {
        let (_, field, operator, value) = line;
        let mut keys = json!({"field_name": field, "operator": operator, "edge": "level"});
        if !value.is_null() {
            keys["value"] = value.clone();
        }
        tells(&label(at, line), keys)
    };
    let rules: Vec<Rule> = lines.iter().enumerate().map(named).collect();
    let order = bench.insert(order).await;
    let attach =
        Change::of().on_change_rules(rules.into_iter().collect::<celerysalt::rules::Rules>());
    bench
        .update(
            &order,
            change.on_change_rules(attach.on_change_rules.unwrap()),
        )
        .await;
    let fire = lines.iter().enumerate().filter(|(_, line)| line.0 == '+');
    let expected: Vec<String> = fire.map(|(at, line)| label(at, line)).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    assert_told(bench, &order, &expected).await;
}

fn label(at: usize, (_, field, operator, value): &(char, &str, &str, Json)) -> String {
    format!("{at}: {field} {operator} {value}")
}

fn order() -> Order {
    Order::pending([])
}

fn decimal(digits: &str) -> Decimal {
    digits.parse().unwrap()
}

async fn text(bench: Bench) {
    let change = Change::of().status("Paid übermorgen");
    assert_fire(
        &bench,
        order(),
        change,
        &[
            ('+', "status", "eql", json!("Paid übermorgen")),
            ('-', "status", "eql", json!("paid übermorgen")),
            ('-', "status", "eql", json!("Paid ubermorgen")),
            ('-', "status", "eql", json!("Paid übermorgen ")),
            ('+', "status", "neq", json!("pending")),
            ('+', "status", "starts_with", json!("Paid ü")),
            ('+', "status", "ends_with", json!("morgen")),
            ('+', "status", "contains", json!("über")),
            ('+', "status", "not_contains", json!("paid")),
            ('+', "status", "matches", json!("^P.*n$")),
            ('-', "status", "matches", json!("^p")),
            ('+', "status", "in", json!(["x", "Paid übermorgen"])),
            ('-', "status", "not_in", json!(["x", "Paid übermorgen"])),
            ('+', "status", "lt", json!("a")),
            ('+', "status", "changed", Json::Null),
            ('-', "status", "unchanged", Json::Null),
        ],
    )
    .await;
}

async fn decimals(bench: Bench) {
    let change = Change::of().amount(decimal("100.10"));
    assert_fire(
        &bench,
        order(),
        change,
        &[
            ('+', "amount", "eql", json!("100.1")),
            ('+', "amount", "eql", json!("100.1000")),
            ('-', "amount", "eql", json!("100.10000001")),
            ('+', "amount", "gt", json!("100.09999999")),
            ('+', "amount", "gte", json!(100.1)),
            ('-', "amount", "lt", json!("100.1")),
            ('+', "amount", "lte", json!("100.1")),
            ('+', "amount", "between", json!(["99", "100.10"])),
            ('-', "amount", "between", json!(["100.11", "200"])),
            ('+', "amount", "increased", Json::Null),
            ('-', "amount", "decreased", Json::Null),
            ('+', "amount", "increased_by", json!("0.2")),
            ('-', "amount", "increased_by", json!("0.21")),
        ],
    )
    .await;
}

async fn decimals_beyond_a_double(bench: Bench) {
    let order = Order {
        amount: decimal("12345678901234567890.12345677"),
        ..order()
    };
    let change = Change::of().amount(decimal("12345678901234567890.12345678"));
    assert_fire(
        &bench,
        order,
        change,
        &[
            ('+', "amount", "eql", json!("12345678901234567890.12345678")),
            ('-', "amount", "eql", json!("12345678901234567890.12345677")),
            ('+', "amount", "changed", Json::Null),
            ('+', "amount", "increased_by", json!("0.00000001")),
            ('-', "amount", "increased_by", json!("0.00000002")),
        ],
    )
    .await;
}

async fn integers(bench: Bench) {
    let change = Change::of().quantity(Some(7));
    assert_fire(
        &bench,
        order(),
        change,
        &[
            ('+', "quantity", "eql", json!(7)),
            ('+', "quantity", "eql", json!(7.0)),
            ('-', "quantity", "eql", json!(8)),
            ('+', "quantity", "in", json!([1, 7])),
            ('+', "quantity", "between", json!([7, 9])),
            ('+', "quantity", "increased_by", json!(2)),
            ('-', "quantity", "increased_by", json!(3)),
            ('-', "quantity", "decreased", Json::Null),
        ],
    )
    .await;
}

async fn wide_integers(bench: Bench) {
    let order = Order {
        quantity: Some(i64::MAX - 1),
        ..order()
    };
    let change = Change::of().quantity(Some(i64::MAX));
    assert_fire(
        &bench,
        order,
        change,
        &[
            ('+', "quantity", "eql", json!(i64::MAX)),
            ('-', "quantity", "eql", json!(i64::MAX - 1)),
            ('+', "quantity", "increased", Json::Null),
            ('+', "quantity", "changed", Json::Null),
        ],
    )
    .await;
}

async fn floats(bench: Bench) {
    let change = Change::of().weight(0.1 + 0.2);
    assert_fire(
        &bench,
        order(),
        change,
        &[
            ('+', "weight", "eql", json!(0.1 + 0.2)),
            ('-', "weight", "eql", json!(0.3)),
            ('+', "weight", "gt", json!(0.3)),
            ('+', "weight", "lt", json!(1)),
            ('+', "weight", "decreased", Json::Null),
            ('+', "weight", "decreased_by", json!(1)),
        ],
    )
    .await;
}

async fn booleans(bench: Bench) {
    assert_fire(
        &bench,
        order(),
        Change::of().vip(true),
        &[
            ('+', "vip", "eql", json!(true)),
            ('-', "vip", "eql", json!(false)),
            ('+', "vip", "neq", json!(false)),
            ('+', "vip", "changed", Json::Null),
        ],
    )
    .await;
}

async fn dates(bench: Bench) {
    let change = Change::of().due(NaiveDate::from_ymd_opt(2026, 2, 28));
    assert_fire(
        &bench,
        order(),
        change,
        &[
            ('+', "due", "eql", json!("2026-02-28")),
            ('+', "due", "gt", json!("2026-02-27")),
            ('-', "due", "lt", json!("2026-02-28")),
            ('+', "due", "increased", Json::Null),
            ('+', "due", "between", json!(["2026-02-01", "2026-02-28"])),
        ],
    )
    .await;
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    Some(text.parse().unwrap())
}

async fn instants(bench: Bench) {
    let order = Order {
        paid_at: instant("2026-01-31T08:30:00Z"),
        ..order()
    };
    let change = Change::of().paid_at(instant("2026-01-31T08:30:00.000001Z"));
    assert_fire(
        &bench,
        order,
        change,
        &[
            (
                '+',
                "paid_at",
                "eql",
                json!("2026-01-31T10:30:00.000001+02:00"),
            ),
            ('-', "paid_at", "eql", json!("2026-01-31T08:30:00Z")),
            ('+', "paid_at", "gt", json!("2026-01-31T03:30:00-05:00")),
            ('+', "paid_at", "changed", Json::Null),
            ('+', "paid_at", "increased", Json::Null),
        ],
    )
    .await;
}

async fn json_paths(bench: Bench) {
    let change = Change::of()
        .details(json!({"city": "Ulm", "n": 2.0, "items": [{"sku": "b"}], "deep": {"on": true}}));
    assert_fire(
        &bench,
        order(),
        change,
        &[
            ('+', "details.city", "eql", json!("Ulm")),
            ('+', "details.city", "unchanged", Json::Null),
            ('+', "details.n", "eql", json!(2)),
            ('+', "details.n", "increased", Json::Null),
            ('+', "details.items.0.sku", "eql", json!("b")),
            ('+', "details.items.0.sku", "changed", Json::Null),
            ('-', "details.items.1.sku", "not_null", Json::Null),
            ('+', "details.deep", "eql", json!({"on": true})),
            ('+', "details.missing", "is_null", Json::Null),
            ('+', "details", "contains", json!("deep")),
        ],
    )
    .await;
}

async fn nulls(bench: Bench) {
    let order = Order {
        remark: Some("x".into()),
        ..order()
    };
    let change = Change::of().remark(None::<String>).quantity(None::<i64>);
    assert_fire(
        &bench,
        order,
        change,
        &[
            ('+', "remark", "is_null", Json::Null),
            ('-', "remark", "not_null", Json::Null),
            ('-', "remark", "neq", json!("x")),
            ('-', "remark", "not_in", json!(["x"])),
            ('+', "remark", "changed", Json::Null),
            ('-', "quantity", "lt", json!(100)),
            ('-', "quantity", "decreased", Json::Null),
            ('+', "paid_at", "unchanged", Json::Null),
        ],
    )
    .await;
}

async fn references_to_other_fields(bench: Bench) {
    let change = Change::of()
        .quantity(Some(6))
        .remark(Some("paid".to_owned()))
        .status("paid");
    assert_fire(
        &bench,
        order(),
        change,
        &[
            ('+', "status", "eql", json!({"field": "remark"})),
            ('-', "status", "eql", json!({"field": "code"})),
            ('+', "quantity", "gt", json!({"old": "quantity"})),
            ('-', "status", "eql", json!({"old": "status"})),
            ('+', "amount", "eql", json!({"old": "amount"})),
        ],
    )
    .await;
}

async fn the_same_value_in_another_form_is_unchanged(bench: Bench) {
    let order = Order {
        paid_at: instant("2026-01-31T08:30:00Z"),
        ..order()
    };
    let change = Change::of()
        .amount(decimal("99.9000"))
        .paid_at(instant("2026-01-31T10:30:00+02:00"))
        .details(json!({"items": [{"sku": "a"}], "n": 1.0, "city": "Ulm"}))
        .vip(true);
    assert_fire(
        &bench,
        order,
        change,
        &[
            ('+', "amount", "unchanged", Json::Null),
            ('+', "paid_at", "unchanged", Json::Null),
            ('+', "details", "unchanged", Json::Null),
            ('+', "vip", "changed", Json::Null),
        ],
    )
    .await;
}
