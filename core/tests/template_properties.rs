//! Laws of event data templates, whatever somebody types.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::str::FromStr;

use bigdecimal::BigDecimal;
use celerysalt::model::{FieldDef, ModelDef, Row};
use celerysalt::template::{RenderContext, Template};
use celerysalt::value::{FieldType, Value};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn model() -> ModelDef {
    let field = |(name, ty): (&str, FieldType)| FieldDef {
        name: name.to_owned(),
        ty,
        nullable: true,
    };
    let fields = [
        ("status", FieldType::Text),
        ("amount", FieldType::Decimal),
        ("qty", FieldType::Int),
        ("meta", FieldType::Json),
    ];
    ModelDef::new("order", fields.map(field).to_vec())
}

fn row(amount: &str, text: &str) -> Row {
    Row::new(vec![
        Value::Text(text.to_owned()),
        Value::Decimal(BigDecimal::from_str(amount).unwrap()),
        Value::Int(2),
        Value::Json(json!({"a": [1, {"b": null}], "text": text})),
    ])
}

fn render(template: &Template, new: &Row) -> Option<Json> {
    let cx = RenderContext {
        model: &model(),
        old: None,
        new,
        rule: &json!({"id": "r"}),
        now: chrono::DateTime::UNIX_EPOCH,
    };
    template.render(&cx).ok()
}

/// Strings that look like expressions more often than not.
fn soup() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "{{", "}}", "{", "}", "{%", "(", ")", "[", "]", "'", "\"", "\\", ".", ",", ":", "|", "~",
        "+", "-", "*", "**", "//", "%", "==", "<", ">=", "=", " ", "status", "amount", "qty",
        "meta", "old", "new", "rule", "now", "a", "b", "text", "is", "not", "in", "if", "else",
        "and", "none", "true", "1", "0.5", "99999", "upper", "default", "length", "list", "range",
        "items", "sum", "map", "batch", "replace", "x", "ö",
    ]);
    prop::collection::vec(word, 0..14).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn nothing_that_somebody_types_panics(inside in soup(), wrapped in any::<bool>()) {
        let text = if wrapped { format!("{{{{ {inside} }}}}") } else { inside };
        if let Ok(template) = Template::compile(&json!({"it": text}), &model()) {
            let once = render(&template, &row("1.50", "t"));
            let again = render(&template, &row("1.50", "t"));
            prop_assert_eq!(once, again);
        }
    }

    #[test]
    fn text_without_expressions_stays(text in r"[^{\x00]*") {
        let template = Template::compile(&json!({"it": text, "list": [text]}), &model()).unwrap();
        prop_assert_eq!(render(&template, &row("1", "")), Some(json!({"it": text, "list": [text]})));
    }

    #[test]
    fn what_a_field_holds_is_never_taken_for_an_expression(text in any::<String>()) {
        let data = json!({"whole": "{{ status }}", "part": "<{{ status }}>", "json": "{{ meta.text }}", "computed": "{{ status ~ '' }}"});
        let template = Template::compile(&data, &model()).unwrap();
        let expected = json!({"whole": text, "part": format!("<{text}>"), "json": text, "computed": text});
        prop_assert_eq!(render(&template, &row("1", &text)), Some(expected));
    }

    #[test]
    fn every_digit_of_a_decimal_arrives(sign in "-?", whole in "[1-9][0-9]{0,30}", fraction in "[0-9]{1,30}") {
        let written = format!("{sign}{whole}.{fraction}");
        let data = json!({"whole": "{{ amount }}", "part": "{{ amount }}!", "computed": "{{ [amount] }}"});
        let template = Template::compile(&data, &model()).unwrap();
        let expected = json!({"whole": written, "part": format!("{written}!"), "computed": [written]});
        prop_assert_eq!(render(&template, &row(&written, "")), Some(expected));
    }
}
