//! A recorder that keeps what it is told.
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata,
    SharedString, Unit,
};

/// What was recorded, by names like `published_total{outcome=ok,topic=order.paid}`.
#[derive(Clone, Default)]
pub(crate) struct Recorded(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    counters: BTreeMap<String, u64>,
    gauges: BTreeMap<String, Level>,
    histograms: BTreeMap<String, Vec<f64>>,
    described: BTreeSet<String>,
}

/// A gauge's last and highest value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Level {
    pub(crate) last: f64,
    pub(crate) highest: f64,
}

/// Runs it on a thread and runtime of its own, and gives what was recorded there.
pub(crate) fn recorded(test: impl Future<Output = ()>) -> Recorded {
    let recorded = Recorded::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorded, || {
        runtime.block_on(test);
        drop(runtime);
    });
    recorded
}

impl Recorded {
    pub(crate) fn counter(&self, name: &str) -> u64 {
        self.seen().counters.get(name).copied().unwrap_or_default()
    }

    pub(crate) fn gauge(&self, name: &str) -> Level {
        self.seen().gauges.get(name).copied().unwrap()
    }

    pub(crate) fn values(&self, name: &str) -> Vec<f64> {
        self.seen()
            .histograms
            .get(name)
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn described(&self, name: &str) -> bool {
        self.seen().described.contains(name)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap()
    }

    fn one(&self, key: &Key) -> Arc<One> {
        let mut labels: Vec<_> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        labels.sort();
        Arc::new(One {
            name: format!("{}{{{}}}", key.name(), labels.join(",")),
            all: self.clone(),
        })
    }
}

struct One {
    name: String,
    all: Recorded,
}

impl CounterFn for One {
    fn increment(&self, value: u64) {
        *self
            .all
            .seen()
            .counters
            .entry(self.name.clone())
            .or_default() += value;
    }

    fn absolute(&self, value: u64) {
        self.all.seen().counters.insert(self.name.clone(), value);
    }
}

impl One {
    fn level(&self, change: impl FnOnce(f64) -> f64) {
        let mut seen = self.all.seen();
        let level = seen.gauges.entry(self.name.clone()).or_default();
        level.last = change(level.last);
        level.highest = level.highest.max(level.last);
    }
}

impl GaugeFn for One {
    fn increment(&self, value: f64) {
        self.level(|level| level + value);
    }

    fn decrement(&self, value: f64) {
        self.level(|level| level - value);
    }

    fn set(&self, value: f64) {
        self.level(|_| value);
    }
}

impl HistogramFn for One {
    fn record(&self, value: f64) {
        let mut seen = self.all.seen();
        seen.histograms
            .entry(self.name.clone())
            .or_default()
            .push(value);
    }
}

impl metrics::Recorder for Recorded {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.seen().described.insert(name.as_str().to_owned());
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.seen().described.insert(name.as_str().to_owned());
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.seen().described.insert(name.as_str().to_owned());
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.one(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.one(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.one(key))
    }
}
