//! Where deliveries wait for a free place: higher priority first, then in order.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::broker::Delivery;

#[derive(Default)]
pub(super) struct WaitingRoom {
    waiting: BTreeMap<(Reverse<u8>, u64), Delivery>,
    arrivals: u64,
}

impl WaitingRoom {
    pub(super) fn push(&mut self, priority: u8, delivery: Delivery) {
        self.arrivals += 1;
        self.waiting
            .insert((Reverse(priority), self.arrivals), delivery);
    }

    pub(super) fn pop(&mut self) -> Option<Delivery> {
        self.waiting.pop_first().map(|(_, delivery)| delivery)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}
