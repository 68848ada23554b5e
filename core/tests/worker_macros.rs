//! The macros' events and subscribers on the bus: everything that is linked, nothing wired by hand.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use celerysalt::extract::State;
use celerysalt::publisher::{Publish, Publisher};
use celerysalt::rpc::CallError;
use celerysalt::testing::TestBus;
use celerysalt::{event, event_error, event_response, subscribe};

#[event("order.paid")]
#[derive(PartialEq)]
struct OrderPaid {
    order_id: u64,
}

#[event("mail.sent")]
#[derive(PartialEq)]
struct MailSent {
    order_id: u64,
}

#[derive(Clone, Default)]
struct Smtp(Arc<Mutex<Vec<u64>>>);

#[derive(Debug, thiserror::Error)]
#[error("smtp is down")]
struct SmtpDown;

#[subscribe(
    "order.paid",
    autoretry_for = [SmtpDown],
    retry_backoff = 10,
    retry_jitter = false
)]
async fn send_mail(
    event: OrderPaid,
    State(smtp): State<Smtp>,
    State(publisher): State<Publisher>,
) -> Result<(), SmtpDown> {
    smtp.0.lock().unwrap().push(event.order_id);
    if smtp.0.lock().unwrap().len() < 3 {
        return Err(SmtpDown);
    }
    let order_id = event.order_id;
    MailSent { order_id }
        .publish(&publisher)
        .await
        .map_err(|_| SmtpDown)?;
    Ok(())
}

#[event("math.divide", mode = "rpc", response = Quotient, error = MathError)]
struct Divide {
    dividend: i64,
    divisor: i64,
}

#[event_response("math.divide")]
#[derive(PartialEq)]
struct Quotient {
    quotient: i64,
}

#[event_error("math.divide")]
#[derive(PartialEq)]
enum MathError {
    DivisionByZero,
}

#[subscribe("math.divide")]
fn divide(request: Divide) -> Result<Quotient, MathError> {
    let quotient = request.dividend.checked_div(request.divisor);
    let quotient = quotient.ok_or(MathError::DivisionByZero)?;
    Ok(Quotient { quotient })
}

#[tokio::test]
async fn linked_subscribers_run_with_their_options_and_state() {
    let smtp = Smtp::default();
    let bus = TestBus::builder()
        .state(smtp.clone())
        .build()
        .await
        .unwrap();
    bus.publish(&OrderPaid { order_id: 7 }).await.unwrap();
    bus.advance(Duration::from_secs(29)).await;
    assert_eq!(*smtp.0.lock().unwrap(), [7, 7], "at 0 s and 10 s");
    bus.assert_not_published::<MailSent>();
    bus.advance(Duration::from_secs(1)).await;
    bus.assert_published(&MailSent { order_id: 7 });
    assert_eq!(bus.stats(), Default::default());
}

#[tokio::test]
async fn linked_calls_are_typed_from_end_to_end() {
    let bus = TestBus::new().await.unwrap();
    let call = async |dividend, divisor| {
        let request = Divide { dividend, divisor };
        bus.call(&request, Duration::from_secs(5)).await
    };
    assert_eq!(call(6, 3).await.unwrap(), Quotient { quotient: 2 });
    let error = call(1, 0).await.unwrap_err();
    assert!(
        matches!(error, CallError::Declared(MathError::DivisionByZero)),
        "{error:?}"
    );
}
