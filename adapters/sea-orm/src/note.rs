//! The note that a save without a transaction leaves in the row's own rules column, with SeaORM's errors.

use celerysalt::rules::Rules;
use sea_orm::DbErr;

use crate::error::FollowError;

pub(crate) use celerysalt::follow::note::{
    Claim, Left, Note, Save, claim_stands, is_stale, new_intent,
};

/// The note in a row's rules; one that cannot be read is an error.
pub(crate) fn of(rules: &Rules) -> Result<Note, DbErr> {
    Note::of(rules).map_err(|error| FollowError::Note(error).into())
}

/// Puts a note into the rules of a row, or takes it out when it is empty.
pub(crate) fn put(note: &Note, rules: &mut Rules) -> Result<(), DbErr> {
    note.put(rules)
        .map_err(|error| FollowError::Note(error).into())
}
