//! What one hook hands to the next inside the model's rules, since SeaORM hands on nothing else.

use crate::note::Claim;
use crate::plan::Plan;

/// Rides in memory on the rules of an `ActiveModel` or `Model`; never reaches the database.
#[derive(Debug)]
pub(crate) enum Passing {
    /// A `*_and_follow` method runs this save: the hooks have nothing to do.
    Followed,
    /// `before_delete` has planned this; `after_delete` keeps it.
    Planned(Plan),
    /// `before_delete` has claimed the row; `after_delete` tells what became of it.
    Claimed(Claim),
}
