//! The difference of two schemas, for people.

use std::fmt;

use serde_json::{Map, Value};

use super::normal::normal;

/// One difference of two schemas; shown as one line.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Difference {
    /// Only the second has it.
    Added {
        /// Where: a JSON pointer.
        pointer: String,
        /// What.
        value: Value,
    },
    /// Only the first has it.
    Removed {
        /// Where: a JSON pointer.
        pointer: String,
        /// What.
        value: Value,
    },
    /// Both have it, each in its own way.
    Changed {
        /// Where: a JSON pointer.
        pointer: String,
        /// The first's.
        from: Value,
        /// The second's.
        to: Value,
    },
}

/// What the second schema has differently; empty when both are the same contract. Titles, descriptions,
/// examples, the names of definitions and the order of sets are no difference.
///
/// ```
/// use celerysalt::catalog::differences;
/// use serde_json::json;
///
/// let first = json!({"description": "Money", "properties": {"amount": {"type": "string"}}});
/// let second = json!({"properties": {"amount": {"type": "number"}, "currency": {"type": "string"}}});
/// let lines: Vec<_> = differences(&first, &second).iter().map(ToString::to_string).collect();
/// assert_eq!(lines, [
///     r#"~ /properties/amount/type: "string" → "number""#,
///     r#"+ /properties/currency: {"type":"string"}"#,
/// ]);
/// ```
pub fn differences(first: &Value, second: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", &normal(first), &normal(second), &mut found);
    found
}

fn compare(pointer: &str, first: &Value, second: &Value, found: &mut Vec<Difference>) {
    match (first, second) {
        _ if first == second => {}
        (Value::Object(a), Value::Object(b)) => compare_objects(pointer, a, b, found),
        (Value::Array(a), Value::Array(b)) if a.iter().chain(b).all(is_scalar) => {
            compare_sets(pointer, a, b, found);
        }
        (Value::Array(a), Value::Array(b)) => compare_lists(pointer, a, b, found),
        _ => found.push(Difference::Changed {
            pointer: pointer.to_owned(),
            from: first.clone(),
            to: second.clone(),
        }),
    }
}

fn compare_objects(
    pointer: &str,
    first: &Map<String, Value>,
    second: &Map<String, Value>,
    found: &mut Vec<Difference>,
) {
    let mut keys: Vec<&String> = first.keys().chain(second.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let at = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
        compare_members(at, first.get(key), second.get(key), found);
    }
}

fn compare_lists(pointer: &str, first: &[Value], second: &[Value], found: &mut Vec<Difference>) {
    for index in 0..first.len().max(second.len()) {
        compare_members(
            format!("{pointer}/{index}"),
            first.get(index),
            second.get(index),
            found,
        );
    }
}

fn compare_members(
    pointer: String,
    first: Option<&Value>,
    second: Option<&Value>,
    found: &mut Vec<Difference>,
) {
    match (first, second) {
        (Some(first), Some(second)) => compare(&pointer, first, second, found),
        (Some(value), None) => found.push(Difference::Removed {
            pointer,
            value: value.clone(),
        }),
        (None, Some(value)) => found.push(Difference::Added {
            pointer,
            value: value.clone(),
        }),
        (None, None) => {}
    }
}

fn compare_sets(pointer: &str, first: &[Value], second: &[Value], found: &mut Vec<Difference>) {
    let before = found.len();
    for value in first.iter().filter(|v| !second.contains(v)) {
        found.push(Difference::Removed {
            pointer: pointer.to_owned(),
            value: value.clone(),
        });
    }
    for value in second.iter().filter(|v| !first.contains(v)) {
        found.push(Difference::Added {
            pointer: pointer.to_owned(),
            value: value.clone(),
        });
    }
    if found.len() == before {
        // The same members in another order or number, where that means something (a default).
        found.push(Difference::Changed {
            pointer: pointer.to_owned(),
            from: Value::Array(first.to_vec()),
            to: Value::Array(second.to_vec()),
        });
    }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { pointer, value } => write!(f, "+ {}: {}", at(pointer), Short(value)),
            Self::Removed { pointer, value } => write!(f, "- {}: {}", at(pointer), Short(value)),
            Self::Changed { pointer, from, to } => {
                write!(f, "~ {}: {} → {}", at(pointer), Short(from), Short(to))
            }
        }
    }
}

fn at(pointer: &str) -> &str {
    if pointer.is_empty() {
        "(the whole)"
    } else {
        pointer
    }
}

/// A value in compact JSON, cut where a line would become too long to read.
struct Short<'a>(&'a Value);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 100;
        let text = self.0.to_string();
        match text.char_indices().nth(LONGEST) {
            Some((cut, _)) => write!(f, "{}…", &text[..cut]),
            None => f.write_str(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(first: &Value, second: &Value) -> Vec<String> {
        differences(first, second)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn equal_contracts_have_no_difference() {
        let first = json!({"required": ["a", "b"], "title": "X"});
        let second = json!({"required": ["b", "a"], "description": "other"});
        assert!(differences(&first, &second).is_empty());
    }

    #[test]
    fn sets_differ_by_member() {
        let first = json!({"required": ["a", "b"]});
        let second = json!({"required": ["c", "b"]});
        assert_eq!(
            lines(&first, &second),
            [r#"- /required: "a""#, r#"+ /required: "c""#]
        );
    }

    #[test]
    fn the_order_of_a_default_counts() {
        let with = |default: Value| json!({"default": default});
        let expected = ["~ /default: [1,2] → [2,1]"];
        assert_eq!(lines(&with(json!([1, 2])), &with(json!([2, 1]))), expected);
    }

    #[test]
    fn lists_of_schemas_differ_by_position() {
        let first = json!({"anyOf": [{"type": "string"}, {"type": "null"}]});
        let second = json!({"anyOf": [{"type": "integer"}]});
        let expected = [
            r#"~ /anyOf/0/type: "string" → "integer""#,
            r#"- /anyOf/1: {"type":"null"}"#,
        ];
        assert_eq!(lines(&first, &second), expected);
    }

    #[test]
    fn keys_are_escaped_as_pointers_and_long_values_are_cut() {
        let first = json!({"properties": {}});
        let second = json!({"properties": {"a/b~c": {"pattern": "x".repeat(300)}}});
        let line = lines(&first, &second).concat();
        assert!(line.starts_with("+ /properties/a~1b~0c: {"), "{line}");
        assert!(line.ends_with('…'), "{line}");
    }
}
