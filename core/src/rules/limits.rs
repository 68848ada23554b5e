//! Bounds on rules: they come from users at runtime.

/// What a model's rules may cost. The defaults suit rules that users write; raise one with
/// [`ModelDef::with_limits`](crate::model::ModelDef::with_limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Rules in one row: 1,000. Lists in code and tables are the program's own and not bounded.
    pub rules: usize,
    /// Bytes of one rule's JSON: 16 KiB.
    pub rule_bytes: usize,
    /// Guards inside guards: 16.
    pub guard_depth: usize,
    /// Elements of a value's list: 1,000.
    pub list_length: usize,
    /// Arrays and objects inside each other in a literal value: 32.
    pub value_depth: usize,
    /// Segments of a dotted path, the field included: 16.
    pub path_segments: usize,
    /// Bytes of one compiled regular expression: 256 KiB. (Unicode classes are large: an e-mail pattern with `\w` takes about 100.)
    pub regex_bytes: usize,
    /// Regular expressions of one rule: 16.
    pub regexes: usize,
    /// Groups inside each other in one regular expression: 32.
    pub regex_depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rules: 1_000,
            rule_bytes: 16 * 1024,
            guard_depth: 16,
            list_length: 1_000,
            value_depth: 32,
            path_segments: 16,
            regex_bytes: 256 * 1024,
            regexes: 16,
            regex_depth: 32,
        }
    }
}
