//! W3C trace context: the trace that an event belongs to.

use std::future::Future;

use super::propagator;
use crate::event::Meta;

/// The longest trace state that is carried: what W3C asks everybody to carry.
const MAX_STATE: usize = 512;

/// A trace, and the span in it that made an event; checked as <https://www.w3.org/TR/trace-context/> asks.
///
/// While a handler runs, its event's context is current, and every event published or fired inside carries it on. With
/// a [`Propagator`](super::Propagator) the events carry the span that they were made in; without one this process records
/// no spans, and passes the context on as it came, as W3C asks of who does not take part in a trace.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use celerysalt::telemetry::TraceContext;
///
/// // From a request's headers:
/// let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let trace = TraceContext::parse(header, None)?;
/// assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
/// trace.scope(async { /* what is saved or published here belongs to the trace */ }).await;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    parent: String,
    state: Option<String>,
}

/// Why a text is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no W3C traceparent: it is `00-`, a trace id of 32 hex digits, a span id of 16, and flags of 2, in lower case, \
     and neither id is all zeros"
)]
pub struct InvalidTraceParent;

impl TraceContext {
    /// Reads `traceparent` and `tracestate`. A state that is longer than everybody must carry (512 bytes) is
    /// left out.
    ///
    /// # Errors
    /// [`InvalidTraceParent`]; then W3C asks to take neither of them.
    pub fn parse(parent: &str, state: Option<&str>) -> Result<Self, InvalidTraceParent> {
        if !is_traceparent(parent) {
            return Err(InvalidTraceParent);
        }
        let state = state.filter(|state| !state.is_empty() && state.len() <= MAX_STATE);
        Ok(Self {
            parent: parent.to_owned(),
            state: state.map(str::to_owned),
        })
    }

    /// What an event carries; nothing when it carries none, or none that is valid.
    pub fn of(meta: &Meta) -> Option<Self> {
        Self::parse(meta.traceparent.as_deref()?, meta.tracestate.as_deref()).ok()
    }

    /// What an event that is made here carries: the current span's, where a [`Propagator`](super::Propagator) knows it; else
    /// that of the enclosing [`scope`](Self::scope) or of the event whose handler is running.
    pub fn current() -> Option<Self> {
        propagator::current_span().or_else(|| CURRENT.try_with(Clone::clone).ok().flatten())
    }

    /// As a header.
    pub fn traceparent(&self) -> &str {
        &self.parent
    }

    /// As a header, where there is one.
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// 32 hex digits.
    pub fn trace_id(&self) -> &str {
        &self.parent[3..35]
    }

    /// The span that made the event: 16 hex digits.
    pub fn span_id(&self) -> &str {
        &self.parent[36..52]
    }

    /// Whether the trace is recorded.
    pub fn is_sampled(&self) -> bool {
        u8::from_str_radix(&self.parent[53..55], 16).is_ok_and(|flags| flags & 1 == 1)
    }

    /// Runs a future in this trace.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        scope(Some(self), future).await
    }

    /// Runs a blocking closure in this trace.
    pub fn sync_scope<R>(self, f: impl FnOnce() -> R) -> R {
        sync_scope(Some(self), f)
    }

    /// Has an event carry it.
    pub(crate) fn write_to(context: Option<Self>, meta: &mut Meta) {
        (meta.traceparent, meta.tracestate) = match context {
            Some(context) => (Some(context.parent), context.state),
            None => (None, None),
        };
    }
}

tokio::task_local! {
    static CURRENT: Option<TraceContext>;
}

/// Runs a future in an event's trace, or in none.
pub(crate) async fn scope<F: Future>(context: Option<TraceContext>, future: F) -> F::Output {
    CURRENT.scope(context, future).await
}

/// Runs a blocking closure in a trace, or in none.
pub(crate) fn sync_scope<R>(context: Option<TraceContext>, f: impl FnOnce() -> R) -> R {
    CURRENT.sync_scope(context, f)
}

/// Later versions may add fields behind the four; version `ff` is none.
fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut hex = |digits| {
        parts
            .next()
            .filter(|part| part.len() == digits && part.bytes().all(is_lower_hex))
    };
    let (version, trace, span, flags) = (hex(2), hex(32), hex(16), hex(2));
    let set = |id: Option<&str>| id.is_some_and(|id| id.bytes().any(|digit| digit != b'0'));
    let ends = text.len() == 55 || version.is_some_and(|version| version != "00");
    version.is_some_and(|version| version != "ff")
        && set(trace)
        && set(span)
        && flags.is_some()
        && ends
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn reads_what_is_valid() {
        let context = TraceContext::parse(VALID, Some("a=b")).unwrap();
        assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(context.span_id(), "b7ad6b7169203331");
        assert_eq!(context.tracestate(), Some("a=b"));
        assert!(context.is_sampled());
        let later = format!("cc-{}-what-comes", &VALID[3..]);
        assert!(TraceContext::parse(&later, None).is_ok());
    }

    #[test]
    fn refuses_what_is_not() {
        let zeros = |n| "0".repeat(n);
        for wrong in [
            String::new(),
            "00-trace".to_owned(),
            VALID.to_uppercase(),
            VALID.replace("00-", "ff-"),
            VALID[..54].to_owned(),
            format!("{VALID}-more"),
            VALID.replace('c', "ü"),
            format!("00-{}-b7ad6b7169203331-01", zeros(32)),
            format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", zeros(16)),
        ] {
            assert_eq!(
                TraceContext::parse(&wrong, None),
                Err(InvalidTraceParent),
                "{wrong}"
            );
        }
    }

    #[test]
    fn leaves_out_a_state_that_is_too_long() {
        let long = "a".repeat(MAX_STATE + 1);
        assert_eq!(
            TraceContext::parse(VALID, Some(&long))
                .unwrap()
                .tracestate(),
            None
        );
    }
}
