//! Every metric by name; `docs/metrics.md` is the same table.

use metrics::Unit;

/// A metric of this library.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// Its unit.
    pub unit: Unit,
    /// Its labels' names.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub help: &'static str,
}

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Many values, of which the recorder keeps the distribution.
    Histogram,
}

pub(crate) const PUBLISHED: &str = "celerysalt_published_total";
pub(crate) const CONSUMED: &str = "celerysalt_consumed_total";
pub(crate) const HANDLED: &str = "celerysalt_handled_total";
pub(crate) const RETRIED: &str = "celerysalt_retried_total";
pub(crate) const DEAD_LETTERED: &str = "celerysalt_dead_lettered_total";
pub(crate) const HANDLER_SECONDS: &str = "celerysalt_handler_seconds";
pub(crate) const IN_FLIGHT: &str = "celerysalt_handlers_in_flight";
pub(crate) const UNHANDLED: &str = "celerysalt_unhandled_total";
pub(crate) const EXPIRED: &str = "celerysalt_expired_total";
pub(crate) const UNDECODABLE: &str = "celerysalt_undecodable_total";
pub(crate) const SETTLE_ERRORS: &str = "celerysalt_settle_errors_total";
pub(crate) const ANSWER_ERRORS: &str = "celerysalt_answer_errors_total";
pub(crate) const OUTBOX_EVENTS: &str = "celerysalt_outbox_events_total";
pub(crate) const RELAY_LAG: &str = "celerysalt_relay_lag_seconds";
pub(crate) const RELAY_BATCH: &str = "celerysalt_relay_batch_events";
pub(crate) const RULES_BROKEN: &str = "celerysalt_rules_broken_total";
pub(crate) const RULE_TABLE_REVISION: &str = "celerysalt_rule_table_revision";
pub(crate) const RULE_TABLE_ERRORS: &str = "celerysalt_rule_table_errors_total";

/// Every metric of this library and its adapters.
pub const METRICS: &[Metric] = &[
    counter(
        PUBLISHED,
        &["topic", "outcome"],
        "Events published, by `ok` or `error`",
    ),
    counter(CONSUMED, &["queue", "topic"], "Events taken from a queue"),
    counter(
        HANDLED,
        &["topic", "handler", "outcome"],
        "Runs of handlers, by `done`, `declared` (an RPC's error), `retry` or `dead`",
    ),
    counter(
        RETRIED,
        &["topic", "handler"],
        "Runs of handlers that are tried again",
    ),
    counter(
        DEAD_LETTERED,
        &["topic", "handler"],
        "Dead letters; without a handler's name where the event itself is at fault",
    ),
    metric(
        HANDLER_SECONDS,
        MetricKind::Histogram,
        Unit::Seconds,
        &["handler"],
        "How long handlers run",
    ),
    metric(
        IN_FLIGHT,
        MetricKind::Gauge,
        Unit::Count,
        &["handler"],
        "Handlers that run now",
    ),
    counter(
        UNHANDLED,
        &["topic"],
        "Events that no handler of the service takes",
    ),
    counter(
        EXPIRED,
        &["topic"],
        "Events that came after their `expires`: dropped unhandled, or dead letters where they were retries",
    ),
    counter(
        UNDECODABLE,
        &["queue"],
        "Messages that are no events; they are dead letters",
    ),
    counter(
        SETTLE_ERRORS,
        &[],
        "Deliveries that the broker did not let settle; they come again",
    ),
    counter(
        ANSWER_ERRORS,
        &[],
        "Answers to RPCs that the result backend did not take",
    ),
    counter(
        OUTBOX_EVENTS,
        &["outcome"],
        "What became of outbox events: `delivered`, `again`, `unroutable`, `unrouted`, `dead`",
    ),
    metric(
        RELAY_LAG,
        MetricKind::Gauge,
        Unit::Seconds,
        &[],
        "Age of the oldest event in the outbox that is not delivered, every 15 s; 0 when there is none",
    ),
    metric(
        RELAY_BATCH,
        MetricKind::Histogram,
        Unit::Count,
        &[],
        "How many events a relay hands to its destination at once",
    ),
    counter(
        RULES_BROKEN,
        &["model"],
        "Rules that were skipped because they are broken",
    ),
    metric(
        RULE_TABLE_REVISION,
        MetricKind::Gauge,
        Unit::Count,
        &[],
        "The revision of the table of rules that saves see",
    ),
    counter(
        RULE_TABLE_ERRORS,
        &[],
        "Failures to read the table of rules",
    ),
];

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    metric(name, MetricKind::Counter, Unit::Count, labels, help)
}

const fn metric(
    name: &'static str,
    kind: MetricKind,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        unit,
        labels,
        help,
    }
}

/// Tells the installed recorder what the metrics are. Workers and relays do it when they start; a program that only
/// publishes or saves may do it after it has installed its recorder.
pub fn describe_metrics() {
    for metric in METRICS {
        let Metric {
            name, unit, help, ..
        } = *metric;
        match metric.kind {
            MetricKind::Counter => metrics::describe_counter!(name, unit, help),
            MetricKind::Gauge => metrics::describe_gauge!(name, unit, help),
            MetricKind::Histogram => metrics::describe_histogram!(name, unit, help),
        }
    }
}
