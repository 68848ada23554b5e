//! What this library tells of itself: traces and metrics.
//!
//! **Traces.** Spans go through `tracing`, with OpenTelemetry's names for messaging:
//!
//! | span | around | kind |
//! |---|---|---|
//! | `celerysalt.publish` | one event on its way to a broker or outbox | producer |
//! | `celerysalt.call` | an RPC, until its answer is there | client |
//! | `celerysalt.relay` | a batch from the outbox to its destination | internal |
//! | `celerysalt.handle` | one handler on one event | consumer |
//!
//! Events carry the W3C trace context in their metadata ([`TraceContext`]), so that one trace leads through services,
//! outbox and broker. Which span has which id only the tracing back end knows: [`install`] a [`Propagator`] for it, at
//! start; feature `opentelemetry` has one.
//!
//! **Metrics.** They go through the facade of the crate `metrics`, to whatever recorder the program installs: [`METRICS`]
//! lists them all.

pub(crate) mod count;
mod metric;
#[cfg(feature = "opentelemetry")]
mod otel;
mod propagator;
pub(crate) mod spans;
pub(crate) mod trace_context;

pub use metric::{METRICS, Metric, MetricKind, describe_metrics};
#[cfg(feature = "opentelemetry")]
pub use otel::OpenTelemetry;
pub use propagator::{AlreadyInstalled, Propagator, install};
pub use trace_context::{InvalidTraceParent, TraceContext};
