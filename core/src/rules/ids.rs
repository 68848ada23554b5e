//! Ids for documents that have none.

use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;
use uuid::Uuid;

/// How a document without an id gets one: a random one when a caller made it, and when it was loaded the same one
/// at every load, or two loads of one row would not know each other's rules.
#[derive(Clone, Copy)]
pub(super) enum Ids {
    Random,
    FromContent,
}

/// Gives ids to the documents of one column.
pub(super) struct IdGiver {
    ids: Ids,
    /// The ids of the rules that were read.
    taken: HashSet<String>,
    /// How many ids each document's content was given.
    given: HashMap<String, u64>,
}

impl IdGiver {
    pub(super) fn new(ids: Ids) -> Self {
        Self {
            ids,
            taken: HashSet::new(),
            given: HashMap::new(),
        }
    }

    /// An id for this document.
    pub(super) fn id_for(&mut self, item: &Json) -> String {
        if let Ids::Random = self.ids {
            return Uuid::now_v7().to_string();
        }
        let content = item.to_string();
        let nth = self.given.entry(content.clone()).or_default();
        loop {
            let name = format!("{nth}:{content}");
            let id = Uuid::new_v5(&ID_NAMESPACE, name.as_bytes()).to_string();
            *nth += 1;
            if !self.taken.contains(&id) {
                return id;
            }
        }
    }

    /// Notes the id of a rule that was read.
    pub(super) fn take(&mut self, id: &str) {
        self.taken.insert(id.to_owned());
    }
}

/// The namespace of ids that are made from a document's content.
const ID_NAMESPACE: Uuid = Uuid::from_u128(0x6f0d_5a51_92b4_4c53_8f0e_77a4_1b9c_3d20);
