//! Event data templates: what compiles, what comes out, and what is stopped.
#![allow(clippy::unwrap_used, clippy::panic)]

mod template_support;

use std::str::FromStr;

use bigdecimal::BigDecimal;
use celerysalt::template::Template;
use celerysalt::value::Value;
use serde_json::json;
use template_support::{model, one, render, render_row, row, wrong};

#[test]
fn literals_stay_and_null_is_an_empty_object() {
    assert_eq!(render(json!(null)), json!({}));
    assert_eq!(render(json!({})), json!({}));
    let data = json!({"a": [1, 2.5, null, true, {"b": "c } }} {", "d": "50 %}"}], "e": ""});
    assert_eq!(render(data.clone()), data);
}

#[test]
fn a_whole_expression_keeps_its_type() {
    let rows = [
        ("{{ id }}", json!("00000000-0000-0000-0000-000000000007")),
        ("{{status}}", json!("paid")),
        ("{{ stage }}", json!("won")),
        ("{{ amount }}", json!("99.90")),
        ("{{ qty }}", json!(3)),
        ("{{ old.qty }}", json!(u64::MAX)),
        ("{{ ratio }}", json!(2.0)),
        ("{{ active }}", json!(true)),
        ("{{ paid_at }}", json!("2026-01-31T12:00:00+02:00")),
        ("{{ opens }}", json!("2026-01-31T08:30:00.250")),
        ("{{ due }}", json!("2026-01-31")),
        ("{{ at }}", json!("08:30:00")),
        ("{{ meta.address }}", json!({"city": "Oslo"})),
        ("{{ meta.items.1.sku }}", json!("b-2")),
        ("{{ meta['items'][-1]['sku'] }}", json!("b-2")),
        ("{{ meta.n }}", json!(7)),
        ("{{ nickname }}", json!(null)),
        ("{{ new.status }}", json!("paid")),
        ("{{ old.status }}", json!("pending")),
        ("{{ old.amount }}", json!("1.0")),
        ("{{ rule.id }}", json!("r-1")),
        ("{{ rule.value.field }}", json!("status")),
        ("{{ rule.description }}", json!(null)),
        ("{{ new.rule }}", json!("of thumb")),
        ("{{ now }}", json!("2026-02-01T00:00:00.500Z")),
        ("{{ status[0] }}", json!("p")),
    ];
    for (text, expected) in rows {
        assert_eq!(one(text), expected, "{text}");
    }
}

/// The template engine must give the same as the short way around it.
#[test]
fn a_computed_expression_keeps_its_type_too() {
    for name in [
        "id",
        "status",
        "stage",
        "amount",
        "qty",
        "old.qty",
        "ratio",
        "active",
        "paid_at",
        "opens",
        "due",
        "at",
        "meta",
        "meta.address",
        "meta.items[1].sku",
        "nickname",
        "old.status",
        "old.amount",
        "rule.id",
        "rule.value",
        "rule.description",
        "now",
    ] {
        let plain = one(&format!("{{{{ {name} }}}}"));
        assert_eq!(one(&format!("{{{{ ({name}) }}}}")), plain, "{name}");
        assert_eq!(
            one(&format!("{{{{ {name} if true else 1 }}}}")),
            plain,
            "{name}"
        );
    }
}

#[test]
fn expressions_compute() {
    let rows = [
        ("{{ qty * 2 + 1 }}", json!(7)),
        ("{{ qty > 2 }}", json!(true)),
        ("{{ status|upper }}", json!("PAID")),
        ("{{ status[1:3] }}", json!("ai")),
        (
            "{{ meta.items|map(attribute='sku')|join(', ') }}",
            json!("a-1, b-2"),
        ),
        (
            "{{ 'yes' if old.status != status else 'no' }}",
            json!("yes"),
        ),
        ("{{ {'a': {'b': qty}} }}", json!({"a": {"b": 3}})),
        ("{{ [amount, old.amount] }}", json!(["99.90", "1.0"])),
        ("{{ amount if amount else 'none' }}", json!("99.90")),
        ("{{ range(3)|list }}", json!([0, 1, 2])),
        ("{{ '{{' }}", json!("{{")),
        ("{{ nickname|default('friend') }}", json!("friend")),
        ("{{ meta.no.such.path|default('none') }}", json!("none")),
        (
            "{{ nickname is none and meta.no.such is none }}",
            json!(true),
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(one(text), expected, "{text}");
    }
}

#[test]
fn other_strings_interpolate() {
    assert_eq!(
        one("order {{ id }}"),
        "order 00000000-0000-0000-0000-000000000007"
    );
    assert_eq!(one(" {{ qty }}"), " 3");
    assert_eq!(one("{{ qty }}{{ qty }}"), "33");
    assert_eq!(
        one("[{{ nickname }}|{{ meta.none }}|{{ meta.no.such }}|{{ nickname|upper if nickname }}]"),
        "[|||]"
    );
    assert_eq!(
        one("{{ amount }} {{ ratio }} {{ active }} {{ paid_at }}"),
        "99.90 2.0 true 2026-01-31T12:00:00+02:00"
    );
    assert_eq!(
        one("at {{ meta.address }}, {{ meta.items[0].sku }}"),
        "at {\"city\":\"Oslo\"}, a-1"
    );
    assert_eq!(one("{{ '{{' }} literal {{ '}}' }}"), "{{ literal }}");
    assert_eq!(
        one("<{{ '<b>' }}> & {{ status }}"),
        "<<b>> & paid",
        "nothing is escaped as HTML"
    );
}

#[test]
fn data_nests() {
    let data = json!({
        "order": {"id": "{{ id }}", "lines": [{"n": 1, "total": "{{ amount }}"}, ["{{ qty }}", "x{{ qty }}"]]},
        "kept": {"as": ["it", "is"]},
    });
    let expected = json!({
        "order": {"id": "00000000-0000-0000-0000-000000000007", "lines": [{"n": 1, "total": "99.90"}, [3, "x3"]]},
        "kept": {"as": ["it", "is"]},
    });
    assert_eq!(render(data), expected);
}

#[test]
fn decimals_keep_every_digit() {
    let digits = "12345678901234567890123456789012345.678";
    let model = model();
    for written in [
        digits,
        "-0.00000000000000000000000000000000000001",
        "100",
        "0.10",
        "1.00",
    ] {
        let mut new = row();
        let value = Value::Decimal(BigDecimal::from_str(written).unwrap());
        new.set(model.field("amount").unwrap().0, value);
        for text in [
            "{{ amount }}",
            "{{ (amount) }}",
            "{{ amount|string }}",
            "{{ amount|default(0) }}",
        ] {
            let data = render_row(&json!({"it": text}), None, &new).unwrap();
            assert_eq!(data["it"], written, "{text}");
        }
        let data = render_row(
            &json!({"it": "= {{ amount }} {{ '' ~ amount }}"}),
            None,
            &new,
        )
        .unwrap();
        assert_eq!(data["it"], format!("= {written} {written}"));
    }
}

#[test]
fn a_decimal_with_a_vast_exponent_is_not_written_out() {
    let mut new = row();
    let vast = Value::Decimal(BigDecimal::from_str("1e1000000000").unwrap());
    new.set(model().field("amount").unwrap().0, vast);
    let data = render_row(&json!({"it": "{{ amount }}"}), None, &new).unwrap();
    assert_eq!(data["it"], "1e1000000000");
}

#[test]
fn nothing_calculates_with_decimals_or_instants() {
    for text in [
        "{{ amount + 1 }}",
        "{{ 1 + amount }}",
        "{{ amount * 1.1 }}",
        "{{ -amount }}",
        "{{ 2 * -amount }}",
        "{{ amount > 100 }}",
        "{{ (amount) > 100 }}",
        "{{ 100 < (1 and (amount)) }}",
        "{{ new.amount == old.amount }}",
        "{{ amount == '99.90' }}",
        "{{ amount in [1, 2] }}",
        "{{ 1 not in [amount] }}",
        "{{ amount is gt 100 }}",
        "{{ 5 is lt(amount) }}",
        "{{ amount is not eq(1) }}",
        "{{ amount|float }}",
        "{{ amount|int(default=0) }}",
        "{{ amount|string|float }}",
        "{{ [amount, 5]|max }}",
        "{{ [amount]|sum }}",
        "{{ '%.1f'|format(amount) }}",
        "{{ 'big' if amount >= 1 else 'small' }}",
        "{{ amount|default(0) > 1 }}",
        "{{ paid_at > old.paid_at }}",
        "{{ now == paid_at }}",
    ] {
        assert!(
            wrong(text).contains("is sent exactly as it is; compare it in the rule's `when`"),
            "{text}"
        );
    }
    // What does not touch the decimal is none of its business.
    assert_eq!(one("{{ amount if status == 'paid' else 'no' }}"), "99.90");
    assert_eq!(
        one("{{ (amount if qty > 2 else 0) ~ '/' ~ (qty - 1) }}"),
        "99.90/2"
    );
    assert_eq!(one("{{ amount is none }}"), false);
}

#[test]
fn on_insert_every_old_field_is_null() {
    let data = json!({"a": "{{ old.status }}", "b": "x{{ old.amount }}", "c": "{{ old.meta.address.city }}", "d": "{{ old.qty is none }}"});
    let data = render_row(&data, None, &row()).unwrap();
    assert_eq!(data, json!({"a": null, "b": "x", "c": null, "d": true}));
}

#[test]
fn floats_that_json_has_not_are_null() {
    let mut new = row();
    new.set(model().field("ratio").unwrap().0, Value::Float(f64::NAN));
    let data = render_row(
        &json!({"a": "{{ ratio }}", "b": "{{ ratio * 1 }}"}),
        None,
        &new,
    )
    .unwrap();
    assert_eq!(data, json!({"a": null, "b": null}));
}

#[test]
fn unknown_names_are_errors_with_the_nearest_name() {
    let rows = [
        (
            "{{ stauts }}",
            "unknown field `stauts`; did you mean `status`?",
        ),
        (
            "{{ old.stauts }}",
            "unknown field `old.stauts`; did you mean `status`?",
        ),
        (
            "{{ new['stauts'] }}",
            "unknown field `new.stauts`; did you mean `status`?",
        ),
        (
            "{{ rule.opertor }}",
            "unknown field `rule.opertor`; did you mean `operator`?",
        ),
        ("x {{ stauts|upper }}", "unknown field `stauts`"),
        ("{{ stauts[1:] }}", "unknown field `stauts`"),
        ("{{ meta[stauts] }}", "unknown field `stauts`"),
        (
            "{{ 1 if false and stauts else 2 }}",
            "unknown field `stauts`",
        ),
        ("{{ [1]|map('upper', x=stauts) }}", "unknown field `stauts`"),
        (
            "{{ nothing_like_it }}",
            "unknown field `nothing_like_it`; there are `id`, `status`",
        ),
        (
            "{{ old }}",
            "`old` needs a name behind it; write for example `old.id`",
        ),
        ("{{ new[status] }}", "`new` needs a name behind it"),
        ("{{ rule }}", "write for example `rule.id`"),
        ("{{ status.city }}", "`status` is text and has no parts"),
        ("{{ old.due.year }}", "`old.due` is a date and has no parts"),
        (
            "{{ place }}",
            "field `place` has type geometry, which event data cannot carry",
        ),
        ("{{ debug() }}", "`debug(…)` is no function"),
        ("{{ status.upper() }}", "`status.upper(…)` is no function"),
        (
            "{{ status|uper }}",
            "unknown filter `uper`; minijinja's built-in filters are known; did you mean `upper`?",
        ),
        ("{{ status is nonne }}", "unknown test `nonne`"),
        ("{{ status is not nonne }}", "unknown test `nonne`"),
    ];
    for (text, expected) in rows {
        let errors = wrong(text);
        assert!(errors.contains(expected), "{text}: {errors}");
    }
}

#[test]
fn broken_syntax_is_an_error_with_a_remedy() {
    let rows = [
        (
            "{{ id",
            "close it, or write a literal `{{` as `{{ \"{{\" }}`",
        ),
        ("{{ }}", "name a field: `{{ id }}`"),
        ("{{ qty + }}", "`qty +` is not an expression: "),
        ("{{ qty qty }}", "`qty qty` is not an expression: "),
        ("{{ (qty }}", "the brackets do not match"),
        ("{{- qty }}", "leave a space behind `{{`"),
        (
            "{% if qty %}x{% endif %}",
            "write a condition as `{{ a if b else c }}`",
        ),
        ("{{ qty }}{% include 'x' %}", "no `{% … %}` blocks"),
        ("a\0b {{ qty }}", "the character U+0000"),
    ];
    for (text, expected) in rows {
        let errors = wrong(text);
        assert!(errors.contains(expected), "{text}: {errors}");
    }
    assert!(
        Template::compile(
            &json!({"it": format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000))}),
            &model()
        )
        .is_err()
    );
}

#[test]
fn every_error_is_found_with_its_path() {
    let data = json!({"a": [{"b c": "{{ nope_1 }}"}], "d": "{{ nope_2 }} {{ nope_3 }}", "{{ id }}": 1, "\0": {}});
    let errors = Template::compile(&data, &model()).unwrap_err();
    let mut found: Vec<_> = errors.iter().map(|e| e.path.as_str()).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "event_data.a[0][\"b c\"]",
            "event_data.d",
            "event_data.d",
            "event_data[\"\\u0000\"]",
            "event_data[\"{{ id }}\"]"
        ]
    );
    let [error] = Template::compile(&json!([1]), &model())
        .unwrap_err()
        .try_into()
        .unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(error.path, "event_data");
    assert_eq!(
        error.to_string(),
        "event data is an array; it must be an object: {\"key\": …}"
    );
}
