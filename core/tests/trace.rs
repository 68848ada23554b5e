//! One trace leads through events, handlers, outbox and rules, without any tracing back end.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use celerysalt::clock::Clock;
use celerysalt::event::Meta;
use celerysalt::handler::{HandlerDef, HandlerError};
use celerysalt::outbox::{MemoryOutbox, OutboxStore, Relay};
use celerysalt::publisher::{Publish, PublishOptions, Publisher};
use celerysalt::telemetry::TraceContext;
use celerysalt::testing::{TestBus, TestClock};
use celerysalt::worker::InProcess;
use serde_json::{Value, json};
use worker_support::{def, paid};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn trace() -> TraceContext {
    TraceContext::parse(PARENT, Some("vendor=1")).unwrap()
}

/// Publishes once more to `order.sent`, and keeps which traces it saw.
fn passes_on(publisher: Publisher, seen: Arc<Mutex<Vec<String>>>) -> HandlerDef {
    let handler = def("mail", move |cx| {
        let (publisher, seen) = (publisher.clone(), Arc::clone(&seen));
        async move {
            let current = TraceContext::current().unwrap();
            seen.lock().unwrap().push(current.trace_id().to_owned());
            let options = PublishOptions::default();
            let sent = publisher.publish_json("mail.sent", None, json!({}), options);
            sent.await.map_err(HandlerError::reject)?;
            assert_eq!(cx.envelope.topic, "order.paid");
            Ok(Value::Null)
        }
    });
    HandlerDef {
        pattern: "order.paid".to_owned(),
        ..handler
    }
}

fn assert_in_trace(meta: &Meta) {
    assert_eq!(TraceContext::of(meta), Some(trace()));
}

#[tokio::test]
async fn a_trace_leads_through_a_broker_and_a_handler() {
    let seen = Arc::default();
    let (clock, elsewhere) = (TestClock::new(), MemoryOutbox::new());
    let to_outbox =
        Publisher::to_outbox(Arc::new(elsewhere.clone())).with_clock(Arc::new(clock.clone()));
    let bus = TestBus::builder()
        .clock(clock.clone())
        .handlers([passes_on(to_outbox, Arc::clone(&seen))])
        .build()
        .await
        .unwrap();
    let publishes = async { bus.publish(&paid(7)).await.unwrap() };
    trace().scope(publishes).await;
    bus.run_until_idle().await;
    assert_eq!(*seen.lock().unwrap(), [TRACE]);
    assert_in_trace(&bus.envelopes()[0].meta);
    let second = elsewhere.claim(9, clock.now(), Duration::from_secs(9));
    assert_in_trace(&second.await.unwrap()[0].envelope.meta);
}

#[tokio::test]
async fn a_trace_leads_through_an_outbox_and_its_relay() {
    let seen = Arc::default();
    let (clock, outbox) = (TestClock::new(), MemoryOutbox::new());
    let clock: Arc<dyn Clock> = Arc::new(clock);
    let publisher = Publisher::to_outbox(Arc::new(outbox.clone())).with_clock(Arc::clone(&clock));
    trace()
        .scope(async { paid(7).publish(&publisher).await.unwrap() })
        .await;
    let handlers = InProcess::builder()
        .clock(Arc::clone(&clock))
        .handlers([passes_on(publisher, Arc::clone(&seen))])
        .build()
        .unwrap();
    let in_process = Relay::builder(Arc::new(outbox.clone()), Arc::new(handlers));
    let drained = in_process
        .clock(Arc::clone(&clock))
        .build()
        .drain()
        .await
        .unwrap();
    assert_eq!((drained.delivered, drained.unroutable), (1, 1));
    assert_eq!(*seen.lock().unwrap(), [TRACE]);
}
