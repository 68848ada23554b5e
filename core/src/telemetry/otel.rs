//! OpenTelemetry's ids for `tracing` spans (feature `opentelemetry`).

use std::str::FromStr;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{Propagator, TraceContext};

/// The propagator for programs whose `tracing` subscriber has the layer of the crate `tracing-opentelemetry`.
///
/// ```
/// celerysalt::telemetry::install(celerysalt::telemetry::OpenTelemetry)?;
/// # Ok::<(), celerysalt::telemetry::AlreadyInstalled>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenTelemetry;

impl Propagator for OpenTelemetry {
    fn inject(&self, span: &Span) -> Option<TraceContext> {
        let context = span.context();
        let span = context.span();
        let span = span.span_context();
        if !span.is_valid() {
            return None;
        }
        let parent = format!(
            "00-{}-{}-{:02x}",
            span.trace_id(),
            span.span_id(),
            span.trace_flags().to_u8()
        );
        TraceContext::parse(&parent, Some(&span.trace_state().header())).ok()
    }

    fn extract(&self, span: &Span, parent: &TraceContext) {
        let trace = TraceId::from_hex(parent.trace_id());
        let (Ok(trace), Ok(id)) = (trace, SpanId::from_hex(parent.span_id())) else {
            return;
        };
        let flags = TraceFlags::default().with_sampled(parent.is_sampled());
        let state = parent.tracestate().map(TraceState::from_str);
        let state = state.and_then(Result::ok).unwrap_or_default();
        let remote = SpanContext::new(trace, id, flags, true, state);
        // An error says that no layer records the span: then there is nothing to set.
        let _ = span.set_parent(Context::new().with_remote_span_context(remote));
    }
}
