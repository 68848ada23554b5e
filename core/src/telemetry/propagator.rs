//! The port between this library's spans and whatever records them.

use std::sync::{Arc, OnceLock};

use tracing::Span;

use super::TraceContext;

/// Knows the W3C trace context of `tracing` spans: what records them (OpenTelemetry, say) gave each an id.
///
/// Contract: may be called from any thread, at any time, for spans that no subscriber knows; never panics.
/// `OpenTelemetry` (feature `opentelemetry`) is the usual one.
pub trait Propagator: Send + Sync + 'static {
    /// The context that an event carries which is made in this span; nothing when the span is not recorded.
    fn inject(&self, span: &Span) -> Option<TraceContext>;

    /// Makes a span, which has just been created, a child of the span that made an event.
    fn extract(&self, span: &Span, parent: &TraceContext);
}

/// There is one propagator a process, and it is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this process has a propagator of trace contexts already; install one, once, at start")]
pub struct AlreadyInstalled;

static INSTALLED: OnceLock<Arc<dyn Propagator>> = OnceLock::new();

/// Makes this the process's propagator.
///
/// # Errors
/// [`AlreadyInstalled`].
pub fn install(propagator: impl Propagator) -> Result<(), AlreadyInstalled> {
    INSTALLED
        .set(Arc::new(propagator))
        .map_err(|_| AlreadyInstalled)
}

pub(super) fn current_span() -> Option<TraceContext> {
    let propagator = INSTALLED.get()?;
    propagator.inject(&Span::current())
}

pub(super) fn extract(span: &Span, parent: Option<&TraceContext>) {
    if let (Some(propagator), Some(parent)) = (INSTALLED.get(), parent) {
        propagator.extract(span, parent);
    }
}
