//! One JSON file for the orders, for the events that are not yet delivered, and for the history of the orders.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};

use celerysalt::event::Envelope;
use celerysalt::history::Transition;
use celerysalt_plain::{Fired, Follow};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::order::Order;

/// The file, in the folder where you run this.
pub const FILE: &str = "orders.json";
/// What is being written; it takes the place of the file when it is complete.
const NEXT: &str = "orders.json.next";

/// What is in the file.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Store {
    orders: BTreeMap<Uuid, Order>,
    events: Vec<Envelope>,
    history: Vec<Transition>,
}

impl Store {
    /// Reads the file, if it is there.
    pub fn open() -> io::Result<Self> {
        match fs::read(FILE) {
            Ok(text) => Ok(serde_json::from_slice(&text)?),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// The order as it is stored.
    pub fn load(&self, id: Uuid) -> Option<Order> {
        self.orders.get(&id).cloned()
    }

    /// Stores the order, its events and its history: all, or nothing.
    pub fn persist(&mut self, order: &Order, fired: &Fired) -> io::Result<()> {
        let mut next = self.clone();
        next.orders.insert(order.id, order.clone());
        next.events.extend_from_slice(fired.events());
        next.history.extend_from_slice(fired.transitions());
        self.replace(next)
    }

    /// What happened to an order, oldest first.
    pub fn history(&self, order: &Order) -> impl Iterator<Item = &Transition> {
        let aggregate = order.aggregate();
        let all = self.history.iter();
        all.filter(move |each| each.aggregate == aggregate)
    }

    /// The events to deliver, oldest first.
    pub fn events(&self) -> &[Envelope] {
        &self.events
    }

    /// Forgets the events: they are delivered.
    pub fn delivered(&mut self) -> io::Result<()> {
        let mut next = self.clone();
        next.events.clear();
        self.replace(next)
    }

    /// A rename is atomic: whoever opens the file finds the old or the new one.
    fn replace(&mut self, next: Self) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(NEXT)?);
        serde_json::to_writer_pretty(&mut file, &next)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        fs::rename(NEXT, FILE)?;
        *self = next;
        Ok(())
    }
}
