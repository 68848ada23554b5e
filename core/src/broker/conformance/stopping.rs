//! What a consumer does that is told to stop.

use super::{Bench, Subject, assert_quiet, name, next};

/// A shutdown is no crash: what a stopped consumer gives back is not counted, and does not come to it again.
pub async fn a_stopped_consumer_gives_back_and_settles_on(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    for word in ["first", "second", "third"] {
        bench.publish(bench.event(word)).await;
    }
    let mut stops = bench.consume(3).await;
    let (done, returned) = (next(&mut stops).await, next(&mut stops).await);
    stops.stop().await;
    let mut other = bench.consume(3).await;
    let third = next(&mut other).await;
    assert_eq!((name(&third), third.redelivered), ("third", 0));
    third.settle.ack().await.unwrap();

    done.settle.ack().await.unwrap();
    returned.settle.requeue(None).await.unwrap();
    let second = next(&mut other).await;
    assert_eq!((name(&second), second.redelivered), ("second", 0));
    second.settle.ack().await.unwrap();
    drop(stops);
    assert_quiet(&mut other).await;
}
