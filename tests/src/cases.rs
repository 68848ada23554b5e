//! Every case of the kit, in groups: what rules and saves promise, one by one.

mod attaching;
mod bulk;
mod chains;
mod concurrency;
mod cost;
mod cutting;
mod firing;
mod history;
mod inbox;
mod killing;
mod merging;
mod old_row;
mod operators;
mod outside;
mod tables;
mod templates;
mod transactions;

use crate::case::{Case, Group};

/// Every group.
pub const GROUPS: [Group; 17] = [
    firing::GROUP,
    operators::GROUP,
    old_row::GROUP,
    merging::GROUP,
    attaching::GROUP,
    tables::GROUP,
    outside::GROUP,
    templates::GROUP,
    chains::GROUP,
    transactions::GROUP,
    bulk::GROUP,
    history::GROUP,
    cost::GROUP,
    concurrency::GROUP,
    inbox::GROUP,
    cutting::GROUP,
    killing::GROUP,
];

/// The case of this name.
pub fn named(name: &str) -> Case {
    let mut cases = GROUPS.iter().flat_map(|group| group.cases);
    let found = cases.find(|case| case.name == name);
    *found.unwrap_or_else(|| panic!("no case is called {name}"))
}
