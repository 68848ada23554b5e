//! Where in the event data something is: `event_data.items[0].amount`.

use std::fmt;

use serde_json::Value as Json;

/// A place in event data; a list of steps that live on the walker's stack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

impl<'p> Path<'p> {
    /// The event data itself.
    pub(super) fn root() -> Path<'static> {
        Path {
            parent: None,
            step: Step::Root,
        }
    }

    /// The value under a key.
    pub(super) fn key(&'p self, key: &'p str) -> Path<'p> {
        Path {
            parent: Some(self),
            step: Step::Key(key),
        }
    }

    /// The item at a position.
    pub(super) fn index(&'p self, index: usize) -> Path<'p> {
        Path {
            parent: Some(self),
            step: Step::Index(index),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}")?;
        }
        match self.step {
            Step::Root => f.write_str("event_data"),
            Step::Key(key) if is_name(key) => write!(f, ".{key}"),
            Step::Key(key) => write!(f, "[{}]", Json::from(key)),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

fn is_name(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c == '_' || c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_code() {
        let root = Path::root();
        let items = root.key("items");
        let first = items.index(0);
        assert_eq!(
            first.key("amount").to_string(),
            "event_data.items[0].amount"
        );
        assert_eq!(
            first.key("a b").to_string(),
            r#"event_data.items[0]["a b"]"#
        );
    }
}
