//! Event data that would cost too much, and what errors tell.
#![allow(clippy::unwrap_used, clippy::panic)]

mod template_support;

use celerysalt::template::{RenderContext, RenderErrorKind, Template};
use celerysalt::value::Value;
use serde_json::json;
use template_support::{failure, model, now, one, render, render_row, row, wrong};

#[test]
fn depth_and_number_are_bounded() {
    let nested = |levels| (1..levels).fold(json!({}), |inner, _| json!({"a": inner}));
    assert!(Template::compile(&nested(32), &model()).is_ok());
    let errors = Template::compile(&nested(33), &model()).unwrap_err();
    assert!(
        errors[0].to_string().contains("deeper than 32 levels"),
        "{errors:?}"
    );

    let many = |n| json!({"a": vec!["{{ qty }}"; n]});
    assert_eq!(render(many(1_000))["a"][999], 3);
    let errors = Template::compile(&many(1_001), &model()).unwrap_err();
    assert!(
        errors[0].to_string().contains("more than 1000 expressions"),
        "{errors:?}"
    );
}

#[test]
fn an_expression_cannot_overflow_the_stack() {
    let chains = [
        ("qty", "~qty"),
        ("qty", "+qty"),
        ("qty", "**qty"),
        ("qty", " and qty"),
        ("status", "|upper"),
        ("meta", "[qty]"),
        ("meta", "[1:]"),
    ];
    let long = |(first, link): (&str, &str)| format!("{{{{ {first}{} }}}}", link.repeat(3_000));
    let mut expressions: Vec<String> = chains.map(long).to_vec();
    expressions.push(format!("{{{{ {}qty }}}}", "not ".repeat(3_000)));
    expressions.push(format!("{{{{ {}qty }}}}", "-".repeat(3_000)));
    for expression in expressions {
        let said = wrong(&expression);
        assert!(said.contains("at most 400 are allowed; split it"), "{said}");
    }
    for (open, close) in [("(", ")"), ("[", "]"), ("meta[", "]")] {
        let nested =
            |depth: usize| format!("{{{{ {}qty{} }}}}", open.repeat(depth), close.repeat(depth));
        let said = wrong(&nested(33));
        assert!(said.contains("more than 32 brackets"), "{said}");
        assert!(Template::compile(&json!({"a": nested(32)}), &model()).is_ok());
    }
    // What is allowed does well with a small stack.
    let run = || {
        for (first, link) in [("qty", "+qty"), ("qty", " and qty"), ("status", "|upper")] {
            let links = link.repeat(190);
            one(&format!("{{{{ {first}{links} }}}}"));
        }
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(run);
    thread.unwrap().join().unwrap();
}

#[test]
fn bombs_end_in_an_error() {
    for text in [
        "{{ 'x' * 1000000000 }}",
        "{{ 'x' * 99999999 }}",
        "x{{ 'x' * 99999999 }}",
        "{{ [1] * 99999999 }}",
        "{{ ([1] * 99999999)|list|length }}",
        "{{ [[[[1] * 9999] * 9999] * 9999] * 9999 }}",
        "{{ range(1000000000) }}",
        "{{ range(10000)|list * 100 }}",
        "{{ (range(9999)|list + range(9999)|list) * 5 }}",
        "{{ range(10000)|map('string')|join('x' * 1000) }}",
        "{{ ('x' * 1000)|replace('x', 'y' * 1000)|replace('y', 'z' * 1000) }}",
        "{{ 'a'|indent(1000000000) }}",
        "{{ '%01000000000d'|format(1) }}",
        "{{ '%1000000000s'|format('a') }}",
        "{{ [1]|batch(1000000000, 0)|list }}",
        "{{ [1]|slice(1000000000)|list }}",
        "{{ range(10000)|batch(1)|list|string * 1000 }}",
        "{{ 99 ** 99 ** 99 }}",
        "{{ ('x' * 60000) ~ ('x' * 60000) }}",
        "{{ 'x' * 65000 }}{{ 'x' * 65000 }}",
    ] {
        let kind = failure(text);
        assert!(
            matches!(
                kind,
                RenderErrorKind::OutOfFuel
                    | RenderErrorKind::TextTooLong
                    | RenderErrorKind::Failed { .. }
            ),
            "{text}: {kind:?}"
        );
    }
}

#[test]
fn a_thousand_hungry_expressions_share_their_fuel() {
    let data = json!({"a": vec!["{{ range(2000)|list|length }}"; 51]});
    assert_eq!(
        render_row(&data, None, &row()),
        Err(RenderErrorKind::OutOfFuel)
    );
    let data = json!({"a": vec!["{{ range(2000)|list|length }}"; 50]});
    assert_eq!(render(data)["a"][49], 2000);
}

#[test]
fn long_fields_pass_and_long_data_does_not() {
    let long = "x".repeat(1024 * 1024);
    let mut new = row();
    new.set(
        model().field("status").unwrap().0,
        Value::Text(long.clone()),
    );
    let data = render_row(&json!({"it": "{{ status }}"}), None, &new).unwrap();
    assert_eq!(data["it"], long, "a field is as long as it is");
    let text = render_row(&json!({"it": "-{{ status }}"}), None, &new);
    assert_eq!(text, Err(RenderErrorKind::TextTooLong));
    let all = render_row(&json!({"it": vec!["{{ status }}"; 9]}), None, &new);
    assert_eq!(all, Err(RenderErrorKind::DataTooLong));
}

#[test]
fn a_failing_expression_names_its_path_and_not_its_values() {
    let model = model();
    let template = Template::compile(&json!({"a": [0, "{{ status + 1 }}"]}), &model).unwrap();
    let cx = RenderContext {
        model: &model,
        old: None,
        new: &row(),
        rule: &json!({}),
        now: now(),
    };
    let error = template.render(&cx).unwrap_err().to_string();
    assert!(
        error.starts_with("event_data.a[1]: invalid operation: tried to use +"),
        "{error}"
    );
    assert!(!error.contains("paid"), "{error}");
    let template = Template::compile(&json!({"a": "{{ qty // 0 }}"}), &model).unwrap();
    let error = template.render(&cx).unwrap_err().to_string();
    assert!(
        error.contains("division by zero") && !error.contains('3'),
        "{error}"
    );
}

#[test]
fn templates_are_shared_between_threads() {
    fn shared<T: Send + Sync + std::fmt::Debug>() {}
    shared::<Template>();
    let template = Template::compile(&json!({"a": "{{ qty + 1 }}"}), &model()).unwrap();
    assert!(format!("{template:?}").contains("qty + 1"));
}
