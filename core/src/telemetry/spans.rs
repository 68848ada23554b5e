//! The spans of this library, with the attributes that OpenTelemetry gives to messaging.

use tracing::field::Empty;
use tracing::{Span, field, info_span};

use super::{TraceContext, propagator};
use crate::event::Envelope;

/// An event on its way out: what is made inside carries this span.
pub(crate) fn publish(system: &'static str, topic: &str) -> Span {
    info_span!(
        "celerysalt.publish",
        otel.name = %format_args!("publish {topic}"),
        otel.kind = "producer",
        otel.status_code = Empty,
        messaging.system = system,
        messaging.operation.type = "send",
        messaging.operation.name = "publish",
        messaging.destination.name = topic,
        messaging.message.id = Empty,
        messaging.message.conversation_id = Empty,
    )
}

/// Tells which event a span of [`publish`] is about.
pub(crate) fn describe(span: &Span, envelope: &Envelope) {
    span.record("messaging.message.id", field::display(envelope.id));
    if let Some(conversation) = &envelope.meta.chain.correlation_id {
        span.record("messaging.message.conversation_id", conversation.as_str());
    }
}

/// A request, until its answer is there.
pub(crate) fn call(topic: &str) -> Span {
    info_span!(
        "celerysalt.call",
        otel.name = %format_args!("call {topic}"),
        otel.kind = "client",
        rpc.system = "celerysalt",
        rpc.method = topic,
    )
}

/// A batch from the outbox to its destination.
pub(crate) fn relay(events: usize) -> Span {
    info_span!("celerysalt.relay", messaging.batch.message_count = events)
}

/// A handler on an event, in the event's trace.
pub(crate) fn handle(
    system: &'static str,
    handler: &str,
    envelope: &Envelope,
    retries: u32,
    trace: Option<&TraceContext>,
) -> Span {
    let topic = envelope.topic.as_str();
    let span = info_span!(
        "celerysalt.handle",
        otel.name = %format_args!("handle {topic}"),
        otel.kind = "consumer",
        otel.status_code = Empty,
        messaging.system = system,
        messaging.operation.type = "process",
        messaging.operation.name = "handle",
        messaging.destination.name = topic,
        messaging.message.id = %envelope.id,
        messaging.message.conversation_id = envelope.meta.chain.correlation_id,
        celerysalt.handler = handler,
        celerysalt.retries = retries,
        celerysalt.outcome = Empty,
        trace_id = trace.map(TraceContext::trace_id),
    );
    propagator::extract(&span, trace);
    span
}

/// Marks a span as failed.
pub(crate) fn fail(span: &Span) {
    span.record("otel.status_code", "ERROR");
}
