//! One trace leads from a request through the outbox, the relay and the broker into a handler, and on to what the
//! handler publishes.

use std::error::Error;
use std::sync::Arc;

use celerysalt::broker::MemoryBroker;
use celerysalt::outbox::{MemoryOutbox, Relay, ToBroker};
use celerysalt::prelude::*;
use celerysalt::telemetry::{OpenTelemetry, install};
use celerysalt::worker::Worker;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tokio::sync::{Semaphore, oneshot};
use tracing::Instrument;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// An order was paid.
#[event("order.paid")]
pub struct OrderPaid {
    /// Which.
    pub order_id: i64,
}

/// A receipt was sent.
#[event("receipt.sent")]
pub struct ReceiptSent {
    /// For which order.
    pub order_id: i64,
}

#[subscribe("order.paid")]
async fn send_receipt(
    paid: OrderPaid,
    State(publisher): State<Publisher>,
    State(done): State<Arc<Semaphore>>,
) -> Result<(), HandlerError> {
    let sent = ReceiptSent {
        order_id: paid.order_id,
    };
    sent.publish(&publisher)
        .await
        .map_err(HandlerError::reject)?;
    done.add_permits(1);
    Ok(())
}

#[subscribe("receipt.sent")]
async fn file_receipt(
    _sent: ReceiptSent,
    State(done): State<Arc<Semaphore>>,
) -> Result<(), HandlerError> {
    done.add_permits(1);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    for span in run().await? {
        println!(
            "{} {} in trace {}, child of {}",
            span.span_context.span_id(),
            span.name,
            span.span_context.trace_id(),
            span.parent_span_id
        );
    }
    Ok(())
}

/// Pays an order, and gives the spans of what came of it, in the order in which they began.
async fn run() -> Result<Vec<SpanData>, Box<dyn Error>> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("traced"));
    tracing_subscriber::registry().with(layer).try_init()?;
    install(OpenTelemetry)?;

    let broker = Arc::new(MemoryBroker::default());
    let outbox = Arc::new(MemoryOutbox::new());
    let publisher = Publisher::to_outbox(outbox.clone());
    // It counts: both handlers may be done before anybody waits.
    let done = Arc::new(Semaphore::new(0));
    let worker = Worker::builder(broker.clone(), "receipts")
        .state(publisher.clone())
        .state(Arc::clone(&done))
        .build()?;
    worker.declare().await?;
    let relay = Relay::builder(outbox, Arc::new(ToBroker::new(broker))).build();
    let (stop, stopped) = oneshot::channel::<()>();
    let working = tokio::spawn(worker.run(async {
        // An error says that the sender is gone: a reason to stop as well.
        let _ = stopped.await;
    }));

    let request = tracing::info_span!("POST /orders/7/payment");
    OrderPaid { order_id: 7 }
        .publish(&publisher)
        .instrument(request)
        .await?;
    relay.drain().await?;
    done.acquire().await?.forget();
    relay.drain().await?;
    done.acquire().await?.forget();
    drop(stop);
    working.await??;

    provider.force_flush()?;
    let mut spans = exporter.get_finished_spans()?;
    spans.sort_by_key(|span| span.start_time);
    Ok(spans)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_span_is_the_child_of_what_caused_it() {
        let spans = run().await.unwrap();
        let chain = [
            "POST /orders/7/payment",
            "publish order.paid",
            "handle order.paid",
            "publish receipt.sent",
            "handle receipt.sent",
        ];
        let mut parent = None;
        for name in chain {
            let span = spans.iter().find(|span| span.name == name);
            let span = span.unwrap_or_else(|| unreachable!("no span {name}"));
            if let Some(parent) = parent {
                assert_eq!(span.parent_span_id, parent, "{name}");
            }
            let trace = spans[0].span_context.trace_id();
            assert_eq!(span.span_context.trace_id(), trace, "{name}");
            parent = Some(span.span_context.span_id());
        }
    }
}
