//! What the derive tells about a struct.

use celerysalt::model::{ModelDef, Row};
use celerysalt::rules::Rules;

/// A struct whose saves are followed; implemented by `#[derive(FollowActions)]`, or by hand.
#[diagnostic::on_unimplemented(
    message = "saves of `{Self}` are not followed",
    note = "derive `FollowActions` for it, with a field `on_change_rules: celerysalt_plain::Rules`"
)]
pub trait Follow: Clone {
    /// The model's name in rules, errors and aggregate keys.
    const NAME: &'static str;

    /// The model as rules see it: built once a process.
    fn definition() -> &'static ModelDef;

    /// What names this row among the model's, e.g. `0198…`. It is known before the row is saved.
    fn key_text(&self) -> String;

    /// The values of the fields, in the order of the definition.
    fn row(&self) -> Row;

    /// The rules of the row.
    fn rules(&self) -> &Rules;

    /// The rules of the row, to change.
    fn rules_mut(&mut self) -> &mut Rules;

    /// `order:0198…`, what keeps the events of one row in order.
    fn aggregate(&self) -> String {
        format!("{}:{}", Self::NAME, self.key_text())
    }
}
