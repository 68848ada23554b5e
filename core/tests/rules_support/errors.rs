//! What the check says of a document.

use celerysalt::model::ModelDef;
use celerysalt::rules::{RuleErrors, Rules, check};
use serde_json::{Value as Json, json};

use super::{Catalog, model};

pub(crate) fn errors_of(model: &ModelDef, rules: &Rules) -> RuleErrors {
    check(model, &Catalog::new(), rules).unwrap_err()
}

/// A sound document with these keys put in (null takes a key out).
pub(crate) fn document(keys: Json) -> Json {
    let mut document = json!({
        "id": "r1", "field_name": "status", "operator": "eql", "value": "paid",
        "event_class": "order.noted", "event_data": {}
    });
    for (key, value) in keys.as_object().unwrap() {
        document[key] = value.clone();
    }
    document
}

/// The one error of a document: its path, and what it says.
#[track_caller]
pub(crate) fn error_in(model: &ModelDef, document: Json) -> (String, String) {
    let rules = Rules::from_value(json!([document]));
    let errors: Vec<_> = errors_of(model, &rules).into_iter().collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let said = errors[0].to_string();
    assert!(said.contains("rule `r1`"), "{said}");
    (errors[0].path.clone(), said)
}

#[track_caller]
pub(crate) fn assert_error(keys: Json, path: &str, words: &[&str]) {
    let (found, said) = error_in(&model(), document(keys));
    assert_eq!(found, path, "{said}");
    for word in words {
        assert!(said.contains(word), "{said:?} lacks {word:?}");
    }
}
