//! A service: its handlers, and what they need to run. Worker and in-process delivery are built of it.

use std::sync::Arc;

use super::part::Part;
use super::runner::{Fault, Outcome, Runner};
use super::{HandlerTable, Jitter, RandomJitter, WorkerError};
use crate::broker::{DEFAULT_SYSTEM, DeadReason};
use crate::catalog::Role;
use crate::clock::{SharedClock, SystemClock};
use crate::event::Envelope;
use crate::handler::{HandlerDef, StateMap};
use crate::rpc::{Mismatch, SharedResultBackend, check_linked};

pub(super) struct Service {
    pub(super) table: HandlerTable,
    pub(super) runner: Runner,
    pub(super) results: Option<SharedResultBackend>,
}

impl Service {
    pub(super) fn clock(&self) -> &SharedClock {
        self.runner.clock()
    }

    /// Runs a handler; for an RPC with a check of what it is given and what it answers.
    pub(super) async fn run(
        &self,
        def: &HandlerDef,
        envelope: &Arc<Envelope>,
        retries: u32,
    ) -> Outcome {
        let dead = |error: String, fault| {
            let reason = DeadReason {
                handler: Some(def.name.clone()),
                attempts: retries.saturating_add(1),
                error,
            };
            Outcome::Dead(reason, fault)
        };
        if !envelope.meta.is_rpc {
            return self.runner.run(def, envelope, retries).await;
        }
        if let Err(mismatch) = check(envelope, Role::Event, &envelope.payload) {
            let error = format!("the request does not fit its schema {mismatch}");
            return dead(error, Fault::Request(mismatch));
        }
        let outcome = self.runner.run(def, envelope, retries).await;
        let part = Part::of(&self.table, &def.name, envelope);
        let checked = match &outcome {
            Outcome::Done(value) if !part.answers_with(value) => Ok(()),
            Outcome::Done(value) => check(envelope, Role::Response, value),
            Outcome::Declared(value) => check(envelope, Role::Error, value),
            Outcome::Retry { .. } | Outcome::Dead(..) => Ok(()),
        };
        match checked {
            Ok(()) => outcome,
            Err(mismatch) => {
                let error = format!("the answer does not fit its schema {mismatch}");
                dead(error, Fault::Response(mismatch))
            }
        }
    }
}

fn check(envelope: &Envelope, role: Role, value: &serde_json::Value) -> Result<(), Mismatch> {
    check_linked(&envelope.topic, envelope.version.as_deref(), role, value)
}

/// The settings that worker and in-process delivery have in common.
pub(super) struct Setup {
    pub(super) clock: SharedClock,
    pub(super) state: StateMap,
    pub(super) handlers: Option<Vec<HandlerDef>>,
    pub(super) concurrency: usize,
    pub(super) jitter: Arc<dyn Jitter>,
    pub(super) results: Option<SharedResultBackend>,
    pub(super) system: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            state: StateMap::default(),
            handlers: None,
            concurrency: std::thread::available_parallelism().map_or(1, usize::from),
            jitter: Arc::new(RandomJitter),
            results: None,
            system: DEFAULT_SYSTEM,
        }
    }
}

impl Setup {
    pub(super) fn build(self, service: &str) -> Result<Service, WorkerError> {
        let table = match self.handlers {
            Some(handlers) => HandlerTable::new(handlers)?,
            None => HandlerTable::from_catalog()?,
        };
        if table.is_empty() {
            return Err(WorkerError::NoHandlers {
                service: service.to_owned(),
            });
        }
        tell_missing_state(&table, &self.state);
        Ok(Service {
            table,
            runner: Runner::new(self.clock)
                .with_state(self.state)
                .with_jitter(self.jitter)
                .with_system(self.system),
            results: self.results,
        })
    }
}

/// No error: a program may link handlers that none of its events reach.
fn tell_missing_state(table: &HandlerTable, state: &StateMap) {
    for handler in table.all() {
        for missing in handler.handler.missing_state(state) {
            tracing::error!(
                handler = handler.name,
                "it asks for `State<{missing}>`, which is not there, so each of its events will become a dead letter: give it \
                 to the builder by `.state(…)`"
            );
        }
    }
}
