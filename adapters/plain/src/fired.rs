//! What comes with a save.

use std::ops::Deref;

use celerysalt::event::Envelope;
use celerysalt::history::Transition;

/// What a save fires and what it leaves as history, to be stored together with the row. Read it as the events that it
/// holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fired {
    pub(crate) events: Vec<Envelope>,
    pub(crate) transitions: Vec<Transition>,
}

impl Fired {
    /// The events, in their order: for the outbox.
    pub fn events(&self) -> &[Envelope] {
        &self.events
    }

    /// The transitions, in their order; none unless the model keeps a [history](celerysalt::history).
    pub fn transitions(&self) -> &[Transition] {
        &self.transitions
    }

    /// What came before, followed by this.
    pub(crate) fn after(self, before: &Self) -> Self {
        let mut all = before.clone();
        all.add(self);
        all
    }

    pub(crate) fn add(&mut self, next: Self) {
        self.events.extend(next.events);
        self.transitions.extend(next.transitions);
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.events.is_empty() && self.transitions.is_empty()
    }
}

impl Deref for Fired {
    type Target = [Envelope];

    fn deref(&self) -> &[Envelope] {
        &self.events
    }
}

impl<'a> IntoIterator for &'a Fired {
    type Item = &'a Envelope;
    type IntoIter = std::slice::Iter<'a, Envelope>;

    fn into_iter(self) -> Self::IntoIter {
        self.events.iter()
    }
}
