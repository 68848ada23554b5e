//! Runs one handler on one event and says what it came to; the queue worker and in-process delivery share it.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use serde_json::Value;
use tokio::sync::watch;
use tracing::{Instrument, Span};

use super::rate::RateLimiter;
use super::retry::{Jitter, RandomJitter, delay};
use crate::broker::{DEFAULT_SYSTEM, DeadReason};
use crate::chain::Chain;
use crate::clock::{self, SharedClock};
use crate::event::Envelope;
use crate::handler::{Context, HandlerDef, HandlerError, HandlerOptions, StateMap};
use crate::rpc::Mismatch;
use crate::telemetry::{TraceContext, count, spans, trace_context};

/// Runs handlers by a clock, with the state that they share.
pub struct Runner {
    clock: SharedClock,
    state: Arc<StateMap>,
    jitter: Arc<dyn Jitter>,
    limiter: RateLimiter,
    system: &'static str,
}

/// What a handler came to on an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It succeeded; for an RPC this is the answer.
    Done(Value),
    /// It failed and runs again.
    Retry {
        /// When.
        at: DateTime<Utc>,
        /// Retries used, the coming one included.
        retries: u32,
        /// Why.
        error: String,
    },
    /// It gave up.
    Dead(DeadReason, Fault),
    /// It declared an error as the answer of an RPC; it is done.
    Declared(Value),
}

/// Whose fault it is that a handler gave up; the caller of an RPC is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The handler's, or that of whatever it works with.
    Handler,
    /// The request's: it does not fit what the handler takes.
    Request(Mismatch),
    /// The answer's: it does not fit its schema.
    Response(Mismatch),
}

impl Runner {
    /// A runner without state and with random jitter.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            state: Arc::default(),
            jitter: Arc::new(RandomJitter),
            limiter: RateLimiter::default(),
            system: DEFAULT_SYSTEM,
        }
    }

    /// With values for handlers.
    pub fn with_state(mut self, state: StateMap) -> Self {
        self.state = Arc::new(state);
        self
    }

    /// With another source of jitter.
    pub fn with_jitter(mut self, jitter: Arc<dyn Jitter>) -> Self {
        self.jitter = jitter;
        self
    }

    /// With the name of the messaging system that the events come from, for spans.
    pub(super) fn with_system(mut self, system: &'static str) -> Self {
        self.system = system;
        self
    }

    /// The clock it runs by.
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// `None` when the handler's rate limit lets it start on this event now, else when to ask again.
    pub fn wait_until(&self, def: &HandlerDef, envelope: &Envelope) -> Option<DateTime<Utc>> {
        let limit = def.options.rate_limit?;
        self.limiter
            .admit(&def.name, limit, envelope.id, self.clock.now())
    }

    /// Runs a handler that has used so many retries on this event. Panics and limits are outcomes as well.
    pub async fn run(&self, def: &HandlerDef, envelope: &Arc<Envelope>, retries: u32) -> Outcome {
        let trace = TraceContext::of(&envelope.meta);
        let span = spans::handle(self.system, &def.name, envelope, retries, trace.as_ref());
        let started = self.clock.now();
        let in_flight = count::InFlight::new(&def.name);
        let outcome = async {
            let ended = trace_context::scope(trace, self.call(def, envelope, retries)).await;
            self.judge(def, retries, ended)
        }
        .instrument(span.clone())
        .await;
        drop(in_flight);
        let seconds = (self.clock.now() - started).as_seconds_f64();
        span.in_scope(|| {
            let kind = report(&span, def, envelope, &outcome);
            count::handled(&envelope.topic, &def.name, kind, seconds);
        });
        outcome
    }

    async fn call(&self, def: &HandlerDef, envelope: &Arc<Envelope>, retries: u32) -> Ended {
        let (tell_soft_limit, soft_limit) = watch::channel(false);
        let cx = Context {
            envelope: Arc::clone(envelope),
            handler: def.name.as_str().into(),
            retries,
            state: Arc::clone(&self.state),
            clock: Arc::clone(&self.clock),
            soft_limit,
        };
        let call = AssertUnwindSafe(async { def.handler.call(cx).await }).catch_unwind();
        let call = Chain::caused_by(envelope).scope(call);
        let call = clock::scope(Arc::clone(&self.clock), call);
        tokio::select! {
            biased;
            returned = call => match returned {
                Ok(result) => Ended::Returned(result),
                Err(panic) => Ended::Panicked(panic_text(&*panic)),
            },
            limit = self.limits(&def.options, &tell_soft_limit) => Ended::OutOfTime(limit),
        }
    }

    /// Tells the soft limit, and ends at the time limit.
    async fn limits(&self, options: &HandlerOptions, soft_limit: &watch::Sender<bool>) -> Duration {
        let mut passed = Duration::ZERO;
        if let Some(soft) = options.soft_time_limit
            && options.time_limit.is_none_or(|limit| soft < limit)
        {
            self.clock.sleep(soft).await;
            soft_limit.send_replace(true);
            passed = soft;
        }
        match options.time_limit {
            Some(limit) => {
                self.clock.sleep(limit - passed).await;
                limit
            }
            None => std::future::pending().await,
        }
    }

    fn judge(&self, def: &HandlerDef, retries: u32, ended: Ended) -> Outcome {
        let faulty = |error, fault| {
            let reason = DeadReason {
                handler: Some(def.name.clone()),
                attempts: retries.saturating_add(1),
                error,
            };
            Outcome::Dead(reason, fault)
        };
        let dead = |error| faulty(error, Fault::Handler);
        match ended {
            Ended::Returned(Ok(value)) => Outcome::Done(value),
            Ended::Returned(Err(HandlerError::Declared(value))) => Outcome::Declared(value),
            Ended::Returned(Err(HandlerError::Failed {
                error,
                retryable: true,
            })) => self
                .retry(def, retries, None, &error)
                .unwrap_or_else(|| dead(error)),
            Ended::Returned(Err(HandlerError::Retry { error, after })) => self
                .retry(def, retries, after, &error)
                .unwrap_or_else(|| dead(error)),
            Ended::Returned(Err(error)) => {
                let fault = fault(&error);
                faulty(error.to_string(), fault)
            }
            Ended::Panicked(text) => dead(format!("the handler panicked: {text}")),
            Ended::OutOfTime(limit) => {
                dead(format!("time limit of {} s exceeded", limit.as_secs_f64()))
            }
        }
    }

    /// `None` when no retries are left.
    fn retry(
        &self,
        def: &HandlerDef,
        used: u32,
        after: Option<Duration>,
        error: &str,
    ) -> Option<Outcome> {
        if def.options.max_retries.is_some_and(|max| used >= max) {
            return None;
        }
        let wait = after.unwrap_or_else(|| delay(&def.options, used, &*self.jitter));
        let at = clock::later(self.clock.now(), wait);
        Some(Outcome::Retry {
            at,
            retries: used.saturating_add(1),
            error: error.to_owned(),
        })
    }
}

enum Ended {
    Returned(Result<Value, HandlerError>),
    Panicked(String),
    OutOfTime(Duration),
}

fn fault(error: &HandlerError) -> Fault {
    match error {
        HandlerError::Invalid { pointer, .. } => Fault::Request(Mismatch {
            pointer: pointer.clone(),
            // The error itself may quote the value.
            reason: "the handler cannot read it".to_owned(),
        }),
        _ => Fault::Handler,
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "(no message)".to_owned())
}

/// Reports inside the handler's span; gives the outcome's name.
fn report(span: &Span, def: &HandlerDef, envelope: &Envelope, outcome: &Outcome) -> &'static str {
    let kind = match outcome {
        Outcome::Done(_) => "done",
        Outcome::Declared(_) => "declared",
        Outcome::Retry { at, error, .. } => {
            tracing::warn!(%at, error, "failed; runs again");
            spans::fail(span);
            count::retried(&envelope.topic, &def.name);
            "retry"
        }
        Outcome::Dead(reason, _) => {
            tracing::error!(attempts = reason.attempts, error = reason.error, "gave up");
            spans::fail(span);
            "dead"
        }
    };
    span.record("celerysalt.outcome", kind);
    kind
}
