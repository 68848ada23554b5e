//! What one hook hands to the next inside the model's rules, since SeaORM hands on nothing else.

use celerysalt::event::Envelope;
use uuid::Uuid;

/// Rides in memory on the rules of an `ActiveModel` or `Model`; never reaches the database.
#[derive(Debug)]
pub(crate) enum Passing {
    /// A `*_and_follow` method runs this save: the hooks have nothing to do.
    Followed,
    /// `before_delete` has found these events; `after_delete` keeps them.
    Deleting {
        /// What fires when the row is gone.
        events: Vec<Envelope>,
        /// Intents that end with the delete.
        intents: Vec<Uuid>,
    },
}
