//! The queues of a service: which handlers take from each, and what is bound to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::intake::Intake;
use super::{HandlerTable, WorkerError};
use crate::broker::{Broker, BrokerError, Delivery, QueueSpec};
use crate::handler::HandlerDef;

/// A queue that a worker takes from, with the handlers that take their events from it.
pub(super) struct WorkerQueue {
    pub(super) intake: Intake,
    pub(super) table: HandlerTable,
}

impl WorkerQueue {
    pub(super) fn name(&self) -> &str {
        self.intake.queue()
    }

    /// The handlers that a delivery from this queue is for. A retry names its own, wherever that stands by now. An
    /// event that no handler of this queue subscribes to came here before one moved to another queue of its service.
    pub(super) fn handlers(
        &self,
        service: &HandlerTable,
        delivery: &Delivery,
    ) -> Vec<Arc<HandlerDef>> {
        if let Some(name) = &delivery.target {
            return service.by_name(name).cloned().into_iter().collect();
        }
        let envelope = &delivery.envelope;
        let own = self.table.matching(envelope);
        match own.is_empty() && !self.table.subscribes_to(&envelope.topic) {
            true => service.matching(envelope),
            false => own,
        }
    }
}

/// All queues of a service, as they stand at the broker: also those that others of its workers take from.
pub(super) struct Layout(Vec<QueueSpec>);

impl Layout {
    pub(super) fn new(tables: &BTreeMap<String, HandlerTable>, max_priority: u8) -> Self {
        let specs = tables.iter().map(|(name, table)| QueueSpec {
            name: name.clone(),
            bindings: table.patterns(),
            max_priority,
        });
        Self(specs.collect())
    }

    /// Declares every queue, so that nothing published from now on misses one. Only then takes a queue's bindings away
    /// whose handlers moved to another one.
    pub(super) async fn declare(&self, broker: &dyn Broker) -> Result<(), BrokerError> {
        for spec in &self.0 {
            broker.declare(spec).await?;
        }
        for spec in &self.0 {
            let elsewhere = self.bound_elsewhere(spec);
            if !elsewhere.is_empty() {
                broker.unbind(&spec.name, &elsewhere).await?;
            }
        }
        Ok(())
    }

    /// The patterns of other queues that are none of this one's.
    fn bound_elsewhere(&self, spec: &QueueSpec) -> Vec<String> {
        let all: BTreeSet<&String> = self.0.iter().flat_map(|other| &other.bindings).collect();
        let others = all.into_iter().filter(|p| !spec.bindings.contains(p));
        others.cloned().collect()
    }
}

/// Those of the queues that a worker is to take from: all of them, unless some are named.
pub(super) fn select(
    mut tables: BTreeMap<String, HandlerTable>,
    named: Option<BTreeSet<String>>,
) -> Result<BTreeMap<String, HandlerTable>, WorkerError> {
    let Some(named) = named else {
        return Ok(tables);
    };
    if let Some(unknown) = named.iter().find(|name| !tables.contains_key(*name)) {
        return Err(WorkerError::UnknownQueue {
            queue: unknown.clone(),
            known: tables.into_keys().collect(),
        });
    }
    tables.retain(|name, _| named.contains(name));
    match tables.is_empty() {
        true => Err(WorkerError::NoQueues),
        false => Ok(tables),
    }
}
