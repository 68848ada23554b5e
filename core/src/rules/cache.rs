//! Compiled rules are kept.

/// What a list of rules was compiled to.
#[derive(Clone)]
pub(super) struct Memo {}
