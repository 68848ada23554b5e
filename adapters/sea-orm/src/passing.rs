//! What one hook hands to the next inside the model's rules, since SeaORM hands on nothing else.

use uuid::Uuid;

use crate::tables::Kept;

/// Rides in memory on the rules of an `ActiveModel` or `Model`; never reaches the database.
#[derive(Debug)]
pub(crate) enum Passing {
    /// A `*_and_follow` method runs this save: the hooks have nothing to do.
    Followed,
    /// `before_delete` has found this; `after_delete` keeps it.
    Deleting {
        /// What is kept when the row is gone.
        kept: Kept,
        /// Intents that end with the delete.
        intents: Vec<Uuid>,
    },
}
