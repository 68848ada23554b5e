//! Rules: data on a row that say which change fires which event.

/// The rules of a row: the value of its `on_change_rules` column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {}

impl Rules {
    /// No rules.
    pub fn new() -> Self {
        Self::default()
    }
}
