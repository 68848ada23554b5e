//! A struct that remembers how it was last persisted.

use std::ops::{Deref, DerefMut};

use celerysalt::event::Envelope;
use celerysalt::follow::FollowError;
use celerysalt::history::Transition;

use crate::model::Follow;
use crate::planned::{self, Planned};
use crate::unsent::Unsent;

/// A `T` that you persist yourself, followed: it knows how it was last persisted, so that a save finds the rules that
/// fire. Read and change it as the `T` that it is; then [`save`](Self::save) it or [`delete`](Self::delete) it.
///
/// The old row of a save is the last persisted state that this value knows, and no lock is held on it. Where several
/// save one row, load it and save it under a lock or a version check of yours in `persist`, and make a new `Tracked`
/// when that check refuses.
#[derive(Debug)]
pub struct Tracked<T> {
    pub(crate) value: T,
    pub(crate) state: State<T>,
    pub(crate) unsent: Unsent,
}

/// What is known of the row in the user's store.
#[derive(Debug)]
pub(crate) enum State<T> {
    /// It is not there.
    New,
    /// It is there, so.
    Persisted(T),
    /// It was there.
    Deleted,
}

impl<T: Follow> Tracked<T> {
    /// A row that was never persisted: its first save is an insert.
    pub fn new(value: T) -> Self {
        Self {
            value,
            state: State::New,
            unsent: Unsent::default(),
        }
    }

    /// A row as it is persisted: its next save is an update.
    pub fn loaded(mut value: T) -> Self {
        let rules = std::mem::take(value.rules_mut());
        *value.rules_mut() = rules.rebased();
        Self {
            state: State::Persisted(value.clone()),
            value,
            unsent: Unsent::default(),
        }
    }

    /// The row as it was last persisted; `None` before its first save and after its delete.
    pub fn persisted(&self) -> Option<&T> {
        match &self.state {
            State::Persisted(row) => Some(row),
            State::New | State::Deleted => None,
        }
    }

    /// The events of persisted saves that no outbox has taken yet; the next save or [`flush`](Self::flush) sends them.
    pub fn unsent(&self) -> &[Envelope] {
        &self.unsent.0.events
    }

    /// Takes those events away, to keep them elsewhere: they are no longer sent from here.
    pub fn take_unsent(&mut self) -> Vec<Envelope> {
        std::mem::take(&mut self.unsent.0.events)
    }

    /// The history of persisted saves that was not yet handed to be stored; the next
    /// [`save_with`](Self::save_with) or [`delete_with`](Self::delete_with) hands it over.
    pub fn transitions(&self) -> &[Transition] {
        &self.unsent.0.transitions
    }

    /// Takes that history away, to store it elsewhere.
    pub fn take_transitions(&mut self) -> Vec<Transition> {
        std::mem::take(&mut self.unsent.0.transitions)
    }

    /// The row alone. Events that are still unsent and history that is not stored are lost, which is logged as an error;
    /// [`flush`](Self::flush), [`take_unsent`](Self::take_unsent) and [`take_transitions`](Self::take_transitions) first.
    pub fn into_inner(self) -> T {
        self.value
    }

    pub(crate) fn plan_save(&self) -> Result<Planned<T>, FollowError> {
        match &self.state {
            State::Persisted(old) => planned::update(old, &self.value),
            State::New | State::Deleted => planned::insert(&self.value),
        }
    }

    /// The planned row is persisted.
    pub(crate) fn saved(&mut self, row: T) {
        *self.value.rules_mut() = row.rules().clone();
        self.state = State::Persisted(row);
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Tracked<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
