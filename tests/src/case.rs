//! A case: one promise, asked of every adapter on every database.

use futures::future::LocalBoxFuture;

use crate::adapters::Adapter;
use crate::bench::Bench;
use crate::databases::Kind;
use crate::fixture::Need;

/// One case of a group.
#[derive(Clone, Copy)]
pub struct Case {
    /// The function's name: what is promised.
    pub name: &'static str,
    /// What it asks of an adapter beyond saving.
    pub needs: &'static [Need],
    /// Where it runs.
    pub place: Place,
    /// Panics when the promise is broken.
    pub run: fn(Bench) -> LocalBoxFuture<'static, ()>,
}

/// Where a case runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Beside others, on the adapter's database, with rows of its own.
    Shared,
    /// In a process of its own, which counts its statements, on a database of its own.
    OwnProcess,
    /// On a database of its own, from where it starts processes.
    OwnDatabase,
}

/// Cases about one thing.
pub struct Group {
    /// What they are about.
    pub name: &'static str,
    /// The cases.
    pub cases: &'static [Case],
}

impl Case {
    /// What an adapter cannot do by its nature of what this asks, and why.
    pub fn lacking(&self, adapter: &Adapter, kind: Kind) -> Option<&'static str> {
        let mut needs = self.needs.iter();
        needs.find_map(|need| (adapter.lacks)(kind, *need))
    }

    /// The same in another place.
    pub const fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// The same for adapters that can do this.
    pub const fn needs(self, needs: &'static [Need]) -> Self {
        Self { needs, ..self }
    }
}

/// The case of an `async fn(Bench)`.
#[macro_export]
macro_rules! case {
    ($name:ident) => {
        $crate::case::Case {
            name: stringify!($name),
            needs: &[],
            place: $crate::case::Place::Shared,
            run: |bench| Box::pin($name(bench)),
        }
    };
}
