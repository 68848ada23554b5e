//! When a message of protocol 1 is wanted, which stands in its body: taken out, and nothing else changed.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::headers;

/// A body of protocol 1 that no longer says when it is wanted: its `eta` and `expires` are null, and it is otherwise the same
/// byte for byte. Nothing of a body that says neither, nor of one of protocol 2, which leaves that to the headers.
pub(crate) fn wanted_now(body: &[u8]) -> Option<Vec<u8>> {
    const NULL: &str = "null";
    let Entries(entries) = serde_json::from_slice(body).ok()?;
    let says_when = |(key, value): &(String, &RawValue)| {
        [headers::ETA, headers::EXPIRES].contains(&key.as_str()) && value.get() != NULL
    };
    let (mut changed, mut copied) = (Vec::new(), 0);
    for (_, value) in entries.into_iter().filter(says_when) {
        let value = value.get();
        // It is a part of the body.
        let start = value.as_ptr().addr() - body.as_ptr().addr();
        changed.extend_from_slice(&body[copied..start]);
        changed.extend_from_slice(NULL.as_bytes());
        copied = start + value.len();
    }
    (copied > 0).then(|| {
        changed.extend_from_slice(&body[copied..]);
        changed
    })
}

/// The entries of an object in their order, each as it is written; a key that stands twice among them.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = object.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn now(body: &str) -> Option<String> {
        wanted_now(body.as_bytes()).map(|body| String::from_utf8(body).unwrap())
    }

    #[test]
    fn what_a_body_says_of_when_is_null_and_all_else_is_as_it_was() {
        let body = r#" {"eta" :"2026-01-25T10:00:00","args":["{\"eta\": 1}"],"n":0.10000000000000000001,
            "kwargs":{"expires":5}, "expires":1.50e1 ,"\u0065ta":{"é":[]} }"#;
        let expected = r#" {"eta" :null,"args":["{\"eta\": 1}"],"n":0.10000000000000000001,
            "kwargs":{"expires":5}, "expires":null ,"\u0065ta":null }"#;
        assert_eq!(now(body).as_deref(), Some(expected));
        assert_eq!(now(expected), None);
    }

    #[test]
    fn a_body_that_leaves_it_to_the_headers_stays() {
        for body in [
            r#"[["{}"], {"eta": 1}, {"expires": 2}]"#,
            r#"{"args": []}"#,
            "{\"eta\": 1",
            "",
        ] {
            assert_eq!(now(body), None, "{body}");
        }
    }
}
