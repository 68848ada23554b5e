//! Counts what is counted in several places.

use metrics::{Gauge, counter, gauge, histogram};

use super::metric;

pub(crate) fn published(topic: &str, outcome: &'static str) {
    counter!(metric::PUBLISHED, "topic" => topic.to_owned(), "outcome" => outcome).increment(1);
}

pub(crate) fn consumed(queue: &str, topic: &str) {
    counter!(metric::CONSUMED, "queue" => queue.to_owned(), "topic" => topic.to_owned())
        .increment(1);
}

pub(crate) fn handled(topic: &str, handler: &str, outcome: &'static str, seconds: f64) {
    let (topic, handler) = (topic.to_owned(), handler.to_owned());
    histogram!(metric::HANDLER_SECONDS, "handler" => handler.clone()).record(seconds);
    counter!(metric::HANDLED, "topic" => topic, "handler" => handler, "outcome" => outcome)
        .increment(1);
}

pub(crate) fn retried(topic: &str, handler: &str) {
    counter!(metric::RETRIED, "topic" => topic.to_owned(), "handler" => handler.to_owned())
        .increment(1);
}

pub(crate) fn dead_lettered(topic: &str, handler: Option<&str>) {
    let handler = handler.unwrap_or_default().to_owned();
    counter!(metric::DEAD_LETTERED, "topic" => topic.to_owned(), "handler" => handler).increment(1);
}

pub(crate) fn unhandled(topic: &str) {
    counter!(metric::UNHANDLED, "topic" => topic.to_owned()).increment(1);
}

pub(crate) fn expired(topic: &str) {
    counter!(metric::EXPIRED, "topic" => topic.to_owned()).increment(1);
}

pub(crate) fn settle_error() {
    counter!(metric::SETTLE_ERRORS).increment(1);
}

pub(crate) fn answer_error() {
    counter!(metric::ANSWER_ERRORS).increment(1);
}

pub(crate) fn outbox_events(outcome: &'static str, events: u64) {
    if events > 0 {
        counter!(metric::OUTBOX_EVENTS, "outcome" => outcome).increment(events);
    }
}

pub(crate) fn relay_batch(events: usize) {
    histogram!(metric::RELAY_BATCH).record(events as f64);
}

pub(crate) fn relay_lag(seconds: f64) {
    gauge!(metric::RELAY_LAG).set(seconds);
}

pub(crate) fn rules_broken(model: &str) {
    counter!(metric::RULES_BROKEN, "model" => model.to_owned()).increment(1);
}

pub(crate) fn rule_table_revision(revision: f64) {
    gauge!(metric::RULE_TABLE_REVISION).set(revision);
}

pub(crate) fn rule_table_error() {
    counter!(metric::RULE_TABLE_ERRORS).increment(1);
}

/// A handler that runs, until this is dropped: at its end, or when it is stopped.
pub(crate) struct InFlight(Gauge);

impl InFlight {
    pub(crate) fn new(handler: &str) -> Self {
        let gauge = gauge!(metric::IN_FLIGHT, "handler" => handler.to_owned());
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}
