//! One delivery from its taking to its settlement.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use super::answers::{Answers, no_handlers};
use super::queues::WorkerQueue;
use super::runner::{Fault, Outcome};
use super::service::Service;
use crate::broker::{BrokerError, DeadReason, Delivery};
use crate::handler::HandlerDef;
use crate::telemetry::count;

/// When the broker did not take a settlement the event comes again after this time.
const AFTER_BROKER_ERROR: TimeDelta = TimeDelta::seconds(5);
/// How long the broker is asked to take what an early handler came to.
const EARLY_PATIENCE: TimeDelta = TimeDelta::seconds(60);
/// The wait after it did not take it the first time; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest such wait.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

pub(super) struct Handling {
    service: Arc<Service>,
    queue: Arc<WorkerQueue>,
    delivery: Delivery,
    crash_limit: u32,
}

/// The handlers of an event, by when they may run.
#[derive(Default)]
struct Plan {
    /// They run before the message is acknowledged.
    late: Vec<Arc<HandlerDef>>,
    /// They run after it (`acks_late` is off): at most once.
    early: Vec<Arc<HandlerDef>>,
    /// Their rate limits let them run only then.
    limited: Vec<(Arc<HandlerDef>, DateTime<Utc>)>,
    /// They may not run again after a crash (`reject_on_worker_lost` is off).
    lost: Vec<Arc<HandlerDef>>,
}

impl Handling {
    pub(super) fn new(
        service: Arc<Service>,
        queue: Arc<WorkerQueue>,
        delivery: Delivery,
        crash_limit: u32,
    ) -> Self {
        Self {
            service,
            queue,
            delivery,
            crash_limit,
        }
    }

    /// Handles the delivery; when `stop` turns true gives back what is not done.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        if let Err(error) = self.handle(&mut stop).await {
            count::settle_error();
            tracing::error!(event_id = %self.delivery.envelope.id, %error, "could not settle; comes again");
            let again = self.service.clock().now() + AFTER_BROKER_ERROR;
            // When this fails as well the drop of the delivery lets the broker take it back.
            let _ = self.delivery.settle.requeue(Some(again)).await;
        }
    }

    async fn handle(&self, stop: &mut watch::Receiver<bool>) -> Result<(), BrokerError> {
        if self.settle_by_time().await? || self.settle_crashed().await? {
            return Ok(());
        }
        let handlers = self.queue.handlers(&self.service.table, &self.delivery);
        if handlers.is_empty() {
            return self.settle_unhandled().await;
        }
        let plan = self.plan(handlers);
        if let Plan { limited, .. } = &plan
            && plan.only_limited()
        {
            return self
                .delivery
                .settle
                .requeue(limited.first().map(|l| l.1))
                .await;
        }
        let mut answers = Answers::to(&self.delivery.envelope, &self.service);
        self.put_aside(&plan, &mut answers).await?;

        let ended = self.run_all(&plan.late, stop).await;
        if *stop.borrow() && ended.is_empty() && plan.late_is_all() {
            return self.delivery.settle.requeue(None).await;
        }
        for def in plan.late.iter().filter(|def| !ended.has(def)) {
            answers.wait_for(&def.name);
            self.again(def, self.service.clock().now(), "the worker shuts down")
                .await?;
        }
        self.settle_ended(&ended, &mut answers).await?;
        if plan.early.is_empty() {
            answers.send().await;
            return self.delivery.settle.ack().await;
        }
        self.run_early(&plan, answers, stop).await
    }

    /// Acknowledges, then runs the handlers that want it so: from here on they run at most once.
    async fn run_early(
        &self,
        plan: &Plan,
        mut answers: Answers<'_>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), BrokerError> {
        if *stop.borrow() {
            for def in &plan.early {
                answers.wait_for(&def.name);
                self.again(def, self.service.clock().now(), "the worker shuts down")
                    .await?;
            }
            return self.delivery.settle.ack().await;
        }
        self.delivery.settle.ack().await?;
        let ended = self.run_all(&plan.early, stop).await;
        for def in plan.early.iter().filter(|def| !ended.has(def)) {
            tracing::warn!(
                handler = def.name,
                "stopped by shutdown after its early acknowledgement"
            );
        }
        self.settle_early(&ended, &mut answers, stop).await;
        answers.send().await;
        Ok(())
    }

    /// Settles what early handlers came to. Their message is acknowledged, so that nothing brings it again: what the
    /// broker does not take is offered to it again, for a while, or lost.
    async fn settle_early(
        &self,
        ended: &Ended,
        answers: &mut Answers<'_>,
        stop: &mut watch::Receiver<bool>,
    ) {
        let clock = self.service.clock();
        let deadline = clock.now() + EARLY_PATIENCE;
        for (handler, outcome) in &ended.0 {
            let mut wait = FIRST_WAIT;
            while let Err(error) = self.settle_one(handler, outcome).await {
                if clock.now() >= deadline || *stop.borrow() {
                    self.report_lost(handler, outcome, &error);
                    break;
                }
                tracing::warn!(handler, %error, ?wait, "the broker did not take what it came to; trying again");
                tokio::select! {
                    () = clock.sleep(wait) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            answers.add(handler, outcome);
        }
    }

    fn report_lost(&self, handler: &str, outcome: &Outcome, error: &BrokerError) {
        count::settle_error();
        let envelope = &self.delivery.envelope;
        let (lost, because) = match outcome {
            Outcome::Retry { error, .. } => ("its retry is lost", error.as_str()),
            Outcome::Dead(reason, _) => ("its dead letter is lost", reason.error.as_str()),
            Outcome::Done(_) | Outcome::Declared(_) => return,
        };
        tracing::error!(event_id = %envelope.id, topic = %envelope.topic, handler, because, %error,
            "{lost}: the event was acknowledged early, and the broker did not take it");
    }

    /// Settles what is too late or too early; true when it did.
    async fn settle_by_time(&self) -> Result<bool, BrokerError> {
        let Delivery {
            envelope, settle, ..
        } = &self.delivery;
        let now = self.service.clock().now();
        if envelope.meta.expires.is_some_and(|expires| expires < now) {
            count::expired(&envelope.topic);
            self.settle_expired().await?;
            return Ok(true);
        }
        let early = envelope.meta.eta.filter(|eta| *eta > now);
        if early.is_some() {
            settle.requeue(early).await?;
        }
        Ok(early.is_some())
    }

    /// Nobody wants it any more; but the error of a handler that was to try it again is kept.
    async fn settle_expired(&self) -> Result<(), BrokerError> {
        let Delivery {
            envelope,
            target,
            retries,
            settle,
            ..
        } = &self.delivery;
        if target.is_some() && *retries > 0 {
            let error = "it expired before it was tried again".to_owned();
            return self.bury(self.reason(target.clone(), error)).await;
        }
        tracing::info!(event_id = %envelope.id, topic = %envelope.topic, "expired; dropped unhandled");
        settle.ack().await
    }

    /// Settles a message that took its worker down too often; true when it did.
    async fn settle_crashed(&self) -> Result<bool, BrokerError> {
        let Delivery {
            target,
            redelivered,
            ..
        } = &self.delivery;
        if *redelivered <= self.crash_limit {
            return Ok(false);
        }
        let error = format!("killed its worker {redelivered} times");
        self.bury(self.reason(target.clone(), error)).await?;
        Ok(true)
    }

    /// No handler takes it. One of another version is done: that is what versions are for. Whatever else came here is kept,
    /// for nobody knows what it was to do.
    async fn settle_unhandled(&self) -> Result<(), BrokerError> {
        let Delivery {
            envelope, target, ..
        } = &self.delivery;
        if let Some(name) = target {
            let error = format!("this service has no handler `{name}` any more");
            return self.bury(self.reason(Some(name.clone()), error)).await;
        }
        count::unhandled(&envelope.topic);
        if !self.service.table.subscribes_to(&envelope.topic) {
            let error = format!(
                "no handler of this service subscribes to `{}`: a binding that outlived its handler brings it, or somebody \
                 sends to this queue",
                envelope.topic
            );
            self.dead_letter(self.reason(None, error)).await?;
        }
        tracing::warn!(
            event_id = %envelope.id,
            topic = %envelope.topic,
            version = envelope.version,
            queue = self.queue.name(),
            "no handler of this queue takes the event"
        );
        // Those of another queue get it there, and answer.
        if self.service.table.matching(envelope).is_empty() {
            no_handlers(envelope, &self.service).await;
        }
        self.delivery.settle.ack().await
    }

    /// Makes the whole message a dead letter.
    async fn bury(&self, reason: DeadReason) -> Result<(), BrokerError> {
        let envelope = &self.delivery.envelope;
        tracing::error!(event_id = %envelope.id, topic = %envelope.topic, error = reason.error, "dead letter");
        let mut answers = Answers::to(envelope, &self.service);
        let handler = reason.handler.clone().unwrap_or_default();
        answers.add(&handler, &Outcome::Dead(reason.clone(), Fault::Handler));
        self.dead_letter(reason).await?;
        answers.send().await;
        self.delivery.settle.ack().await
    }

    fn plan(&self, handlers: Vec<Arc<HandlerDef>>) -> Plan {
        let mut plan = Plan::default();
        for def in handlers {
            let crashed = self.delivery.redelivered > 0;
            if crashed && def.options.acks_late && !def.options.reject_on_worker_lost {
                plan.lost.push(def);
            } else if let Some(at) = self
                .service
                .runner
                .wait_until(&def, &self.delivery.envelope)
            {
                plan.limited.push((def, at));
            } else if def.options.acks_late {
                plan.late.push(def);
            } else {
                plan.early.push(def);
            }
        }
        plan
    }

    /// Settles the handlers that do not run now.
    async fn put_aside(&self, plan: &Plan, answers: &mut Answers<'_>) -> Result<(), BrokerError> {
        for def in &plan.lost {
            let error = "its worker was lost, and `reject_on_worker_lost` is off";
            let dead = self.reason(Some(def.name.clone()), error.to_owned());
            answers.add(&def.name, &Outcome::Dead(dead.clone(), Fault::Handler));
            self.dead_letter(dead).await?;
        }
        for (def, at) in &plan.limited {
            answers.wait_for(&def.name);
            self.again(def, *at, "rate limit").await?;
        }
        Ok(())
    }

    /// Schedules a handler again with no retry used.
    async fn again(
        &self,
        def: &HandlerDef,
        at: DateTime<Utc>,
        why: &str,
    ) -> Result<(), BrokerError> {
        let Delivery {
            settle,
            retries,
            error,
            ..
        } = &self.delivery;
        let why = error.as_deref().unwrap_or(why);
        settle.retry(&def.name, *retries, at, why).await
    }

    /// Runs handlers side by side, until all have ended or the worker stops.
    async fn run_all(
        &self,
        handlers: &[Arc<HandlerDef>],
        stop: &mut watch::Receiver<bool>,
    ) -> Ended {
        let Delivery {
            envelope, retries, ..
        } = &self.delivery;
        let mut running: FuturesUnordered<_> = handlers
            .iter()
            .map(|def| async move {
                let outcome = self.service.run(def, envelope, *retries).await;
                (def.name.clone(), outcome)
            })
            .collect();
        let mut ended = Ended::default();
        loop {
            tokio::select! {
                biased;
                one = running.next() => match one {
                    Some(one) => ended.0.push(one),
                    None => break,
                },
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        ended.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        ended
    }

    async fn settle_ended(
        &self,
        ended: &Ended,
        answers: &mut Answers<'_>,
    ) -> Result<(), BrokerError> {
        for (handler, outcome) in &ended.0 {
            self.settle_one(handler, outcome).await?;
            answers.add(handler, outcome);
        }
        Ok(())
    }

    async fn settle_one(&self, handler: &str, outcome: &Outcome) -> Result<(), BrokerError> {
        match outcome {
            Outcome::Done(_) | Outcome::Declared(_) => Ok(()),
            Outcome::Retry { at, retries, error } => {
                let settle = &self.delivery.settle;
                settle.retry(handler, *retries, *at, error).await
            }
            Outcome::Dead(reason, _) => self.dead_letter(reason.clone()).await,
        }
    }

    async fn dead_letter(&self, reason: DeadReason) -> Result<(), BrokerError> {
        let handler = reason.handler.clone();
        self.delivery.settle.dead_letter(reason).await?;
        count::dead_lettered(&self.delivery.envelope.topic, handler.as_deref());
        Ok(())
    }

    /// Why it is given up unhandled, with what its handler failed with before, where that is known.
    fn reason(&self, handler: Option<String>, error: String) -> DeadReason {
        let Delivery {
            retries,
            redelivered,
            error: before,
            ..
        } = &self.delivery;
        let error = match before.as_ref().filter(|_| *retries > 0) {
            Some(before) => format!("{error}; it had failed with: {before}"),
            None => error,
        };
        DeadReason {
            handler,
            attempts: retries.saturating_add(*redelivered),
            error,
        }
    }
}

impl Plan {
    /// One handler, and its rate limit holds it: the message can go back as it is.
    fn only_limited(&self) -> bool {
        self.limited.len() == 1 && self.count() == 1
    }

    fn late_is_all(&self) -> bool {
        self.late.len() == self.count()
    }

    fn count(&self) -> usize {
        self.late.len() + self.early.len() + self.limited.len() + self.lost.len()
    }
}

/// What handlers came to, by name.
#[derive(Default)]
struct Ended(Vec<(String, Outcome)>);

impl Ended {
    fn has(&self, def: &HandlerDef) -> bool {
        self.0.iter().any(|(name, _)| *name == def.name)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
