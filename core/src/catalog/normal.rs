//! What of a JSON Schema is contract: documentation and the names of definitions are not.

use serde_json::{Map, Value};

/// The schema without documentation, with references written out and with lists whose order means nothing
/// sorted: two schemas that accept the same in the same words become equal.
pub(super) fn normal(schema: &Value) -> Value {
    let mut walk = Walk {
        root: schema,
        open: vec!["#".to_owned()],
        budget: 50_000,
    };
    walk.schema(schema)
}

/// Keywords that say nothing about what is accepted.
const DOCUMENTATION: &[&str] = &[
    "title",
    "description",
    "examples",
    "deprecated",
    "$comment",
    "$schema",
];
/// Keywords whose value maps names to schemas.
const SCHEMA_MAPS: &[&str] = &["properties", "patternProperties", "dependentSchemas"];
/// Keywords whose value is a list of schemas.
const SCHEMA_LISTS: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value is a schema.
const SCHEMAS: &[&str] = &[
    "items",
    "contains",
    "additionalProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "not",
    "if",
    "then",
    "else",
];
/// Keywords whose value is a set, written as a list.
const SETS: &[&str] = &["required", "enum", "type"];

struct Walk<'a> {
    root: &'a Value,
    /// The references that are being written out around here, outermost first.
    open: Vec<String>,
    /// Nodes that may still be written: definitions that use each other twice over would grow without end.
    budget: usize,
}

impl Walk<'_> {
    fn schema(&mut self, schema: &Value) -> Value {
        self.budget = self.budget.saturating_sub(1);
        let Value::Object(keywords) = schema else {
            return schema.clone();
        };
        let mut out = Map::new();
        for (keyword, value) in keywords {
            if let Some(value) = self.keyword(keyword, value) {
                out.insert(keyword.clone(), value);
            }
        }
        merge_alternatives(unwrap_reference(out))
    }

    fn keyword(&mut self, keyword: &str, value: &Value) -> Option<Value> {
        if DOCUMENTATION.contains(&keyword) || matches!(keyword, "$defs" | "definitions") {
            return None;
        }
        Some(match value {
            Value::String(target) if keyword == "$ref" => self.reference(target),
            Value::Object(named) if SCHEMA_MAPS.contains(&keyword) => named
                .iter()
                .map(|(name, schema)| (name.clone(), self.schema(schema)))
                .collect::<Map<_, _>>()
                .into(),
            Value::Array(list) if SCHEMA_LISTS.contains(&keyword) => {
                list.iter().map(|schema| self.schema(schema)).collect()
            }
            Value::Array(list) if SETS.contains(&keyword) => sorted(list.clone()),
            schema if SCHEMAS.contains(&keyword) => self.schema(schema),
            data => data.clone(),
        })
    }

    /// The schema that a reference within the document means; a reference to one of the schemas around
    /// it becomes the number of steps outwards, which does not depend on names.
    fn reference(&mut self, target: &str) -> Value {
        if let Some(at) = self.open.iter().position(|open| open == target) {
            return Value::String(format!("recursion:{}", self.open.len() - at));
        }
        let root = self.root;
        let found = target
            .strip_prefix('#')
            .and_then(|pointer| root.pointer(pointer));
        match found {
            Some(schema) if self.budget > 0 => {
                self.open.push(target.to_owned());
                let written_out = self.schema(schema);
                self.open.pop();
                written_out
            }
            _ => Value::String(target.to_owned()),
        }
    }
}

/// A schema that is nothing but a reference is what it refers to.
fn unwrap_reference(mut schema: Map<String, Value>) -> Map<String, Value> {
    match schema.get_mut("$ref") {
        Some(Value::Object(target)) => {
            let target = std::mem::take(target);
            if schema.len() == 1 {
                return target;
            }
            schema.insert("$ref".to_owned(), Value::Object(target));
            schema
        }
        _ => schema,
    }
}

/// schemars writes an enum with documented variants as `oneOf` of constants, and without as one `enum`.
fn merge_alternatives(mut schema: Map<String, Value>) -> Value {
    if let Some(value) = schema.remove("const") {
        schema.insert("enum".to_owned(), Value::Array(vec![value]));
    }
    let merged = schema
        .get("oneOf")
        .and_then(Value::as_array)
        .and_then(|list| merged_enum(list));
    if let Some(merged) = merged.filter(|_| schema.len() == 1) {
        return merged;
    }
    Value::Object(schema)
}

fn merged_enum(alternatives: &[Value]) -> Option<Value> {
    let mut values = Vec::new();
    let mut types = Vec::new();
    for alternative in alternatives {
        let keywords = alternative.as_object()?;
        if keywords.keys().any(|k| k != "enum" && k != "type") {
            return None;
        }
        values.extend(keywords.get("enum")?.as_array()?.iter().cloned());
        types.push(keywords.get("type"));
    }
    types.dedup();
    let [one_type] = types[..] else { return None };
    let mut merged = Map::from_iter([("enum".to_owned(), sorted(values))]);
    if let Some(one_type) = one_type {
        merged.insert("type".to_owned(), one_type.clone());
    }
    Some(Value::Object(merged))
}

fn sorted(mut list: Vec<Value>) -> Value {
    list.sort_by_cached_key(Value::to_string);
    Value::Array(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documentation_goes_but_fields_of_the_same_name_stay() {
        let schema = json!({
            "title": "T", "description": "d",
            "properties": {"description": {"type": "string", "description": "d"}, "title": {"const": {"title": 1}}},
        });
        let expected = json!({"properties": {"description": {"type": "string"}, "title": {"enum": [{"title": 1}]}}});
        assert_eq!(normal(&schema), expected);
    }

    #[test]
    fn the_name_of_a_definition_is_not_contract() {
        let named = |name: &str| {
            json!({"properties": {"a": {"$ref": format!("#/$defs/{name}"), "description": name}},
                   "$defs": {name: {"type": "object", "title": name}}})
        };
        assert_eq!(normal(&named("Address")), normal(&named("Ort")));
        let expected = json!({"properties": {"a": {"type": "object"}}});
        assert_eq!(normal(&named("Ort")), expected);
    }

    #[test]
    fn recursion_ends_whatever_its_name() {
        let tree = |name: &str| {
            json!({"$ref": format!("#/$defs/{name}"),
                   "$defs": {name: {"properties": {"next": {"$ref": format!("#/$defs/{name}")}}}}})
        };
        assert_eq!(normal(&tree("Node")), normal(&tree("Knoten")));
        assert_eq!(
            normal(&json!({"items": {"$ref": "#"}})),
            json!({"items": {"$ref": "recursion:1"}})
        );
    }

    #[test]
    fn definitions_that_double_at_every_level_stay_bounded() {
        let mut defs = Map::new();
        for level in 0..60 {
            let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
            defs.insert(format!("d{level}"), json!({"prefixItems": [next, next]}));
        }
        defs.insert("d60".to_owned(), json!({"type": "null"}));
        normal(&json!({"$ref": "#/$defs/d0", "$defs": defs}));
    }

    #[test]
    fn documented_variants_are_the_same_enum() {
        let plain = json!({"type": "string", "enum": ["b", "a"]});
        let documented = json!({"oneOf": [
            {"type": "string", "const": "a", "description": "first"}, {"type": "string", "enum": ["b"]}]});
        assert_eq!(normal(&plain), normal(&documented));
    }
}
