//! What waits in the broker, and what is tried again.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::super::{Consumer, Delivery};
use super::{Bench, Subject, assert_quiet, name, next};

/// How many milliseconds something waits, in one try after another.
const WAITS: [i64; 3] = [700, 5_000, 30_000];

/// Tries with later and later instants until something was seen before the instant had come.
async fn in_time(seen: impl AsyncFn(DateTime<Utc>) -> bool) {
    for wait in WAITS {
        let at = (Utc::now() + TimeDelta::milliseconds(wait)).timestamp_micros();
        let at = DateTime::from_timestamp_micros(at);
        if seen(at.expect("a soon instant is one")).await {
            return;
        }
    }
    panic!("what waits takes the place of what does not");
}

/// The next delivery, settled, and when it came.
async fn come(consumer: &mut Box<dyn Consumer>) -> (Delivery, DateTime<Utc>) {
    let delivery = next(consumer).await;
    let came = Utc::now();
    delivery.settle.ack().await.unwrap();
    (delivery, came)
}

pub async fn an_eta_waits_in_the_broker(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    in_time(async |eta| {
        let mut later = bench.event("later");
        later.meta.eta = Some(eta);
        bench.publish(later.clone()).await;
        bench.publish(bench.event("now")).await;
        let mut consumer = bench.consume(1).await;
        let [first, second] = [come(&mut consumer).await, come(&mut consumer).await];
        let is_in_time = name(&first.0) == "now";
        let (waited, came) = if is_in_time { second } else { first };
        assert!(came >= eta, "too early by {}", eta - came);
        assert_eq!((&*waited.envelope, waited.redelivered), (&later, 0));
        is_in_time
    })
    .await;
}

pub async fn a_retry_is_for_one_handler(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    in_time(async |at| {
        let event = bench.publish(bench.event("paid")).await;
        let mut consumer = bench.consume(1).await;
        let first = next(&mut consumer).await;
        let retry = first.settle.retry("mails", 1, at, "smtp is down");
        retry.await.unwrap();
        let retry = first.settle.retry("bills", 2, Utc::now(), "busy");
        retry.await.unwrap();
        first.settle.ack().await.unwrap();
        let first_error = first.error;
        let [first, second] = [come(&mut consumer).await, come(&mut consumer).await];
        let is_in_time = first.0.target.as_deref() == Some("bills");
        let [(bills, _), (mails, came)] = if is_in_time {
            [first, second]
        } else {
            [second, first]
        };
        assert_eq!(
            (bills.target.as_deref(), bills.retries, bills.redelivered),
            (Some("bills"), 2, 0)
        );
        assert_eq!(
            [&first_error, &bills.error, &mails.error].map(Option::as_deref),
            [None, Some("busy"), Some("smtp is down")]
        );
        assert_eq!((mails.target.as_deref(), mails.retries), (Some("mails"), 1));
        assert!(came >= at, "too early by {}", at - came);
        assert_eq!(*mails.envelope, event);
        assert_quiet(&mut consumer).await;
        is_in_time
    })
    .await;
}

pub async fn a_requeue_is_not_counted(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let event = bench.publish(bench.event("paid")).await;
    let mut consumer = bench.consume(1).await;
    drop(next(&mut consumer).await);
    let counted = next(&mut consumer).await;
    assert_eq!(counted.redelivered, 1);
    counted
        .settle
        .retry("mails", 1, Utc::now(), "x")
        .await
        .unwrap();
    counted.settle.requeue(None).await.unwrap();
    let mut come = BTreeSet::new();
    for _ in 0..2 {
        let delivery = next(&mut consumer).await;
        assert_eq!(*delivery.envelope, event);
        come.insert((delivery.target.clone(), delivery.redelivered));
        delivery.settle.ack().await.unwrap();
    }
    assert_eq!(
        come,
        BTreeSet::from([(None, 1), (Some("mails".to_owned()), 0)])
    );
    assert_quiet(&mut consumer).await;
}

pub async fn a_requeue_may_wait(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let event = bench.publish(bench.event("paid")).await;
    let mut consumer = bench.consume(1).await;
    let at = Utc::now() + TimeDelta::milliseconds(WAITS[0]);
    next(&mut consumer)
        .await
        .settle
        .requeue(Some(at))
        .await
        .unwrap();
    let again = next(&mut consumer).await;
    assert!(Utc::now() >= at, "too early");
    assert_eq!(
        (&*again.envelope, again.redelivered, again.retries),
        (&event, 0, 0)
    );
    again.settle.ack().await.unwrap();
}

/// Only the worker knows what is to be kept of an event that came too late, so it decides.
pub async fn what_has_expired_is_still_delivered(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let mut event = bench.event("stale");
    event.meta.expires = DateTime::from_timestamp_micros(1_700_000_000_123_456);
    bench.publish(event.clone()).await;
    let mut consumer = bench.consume(1).await;
    let delivery = next(&mut consumer).await;
    assert_eq!((&*delivery.envelope, delivery.redelivered), (&event, 0));
    delivery
        .settle
        .retry("mails", 1, Utc::now(), "x")
        .await
        .unwrap();
    delivery.settle.ack().await.unwrap();
    let again = next(&mut consumer).await;
    assert_eq!(
        (&*again.envelope, again.target.as_deref()),
        (&event, Some("mails"))
    );
    again.settle.ack().await.unwrap();
}
