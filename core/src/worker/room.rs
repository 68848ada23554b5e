//! Where deliveries wait for a free place: higher priority first, then in order.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::intake::Taken;

#[derive(Default)]
pub(super) struct WaitingRoom {
    waiting: BTreeMap<(Reverse<u8>, u64), Taken>,
    arrivals: u64,
}

impl WaitingRoom {
    pub(super) fn push(&mut self, priority: u8, taken: Taken) {
        self.arrivals += 1;
        self.waiting
            .insert((Reverse(priority), self.arrivals), taken);
    }

    pub(super) fn pop(&mut self) -> Option<Taken> {
        self.waiting.pop_first().map(|(_, taken)| taken)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}
