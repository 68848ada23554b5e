//! Dead letters.

use chrono::{TimeDelta, Utc};

use super::super::{DeadLetter, DeadLetters, DeadSelection};
use super::{Bench, Subject, assert_quiet, dead, next};

pub async fn dead_letters_are_listed_replayed_and_purged(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let (letters, queue) = (subject.dead(), bench.queue.as_str());
    let mut consumer = bench.consume(1).await;
    let began = Utc::now() - TimeDelta::seconds(1);
    let mut events = Vec::new();
    for rest in ["first", "second", "third"] {
        events.push(bench.publish(bench.event(rest)).await);
        let delivery = next(&mut consumer).await;
        let reason = dead("mails", "no such customer");
        delivery.settle.dead_letter(reason).await.unwrap();
        delivery.settle.ack().await.unwrap();
    }
    let all = list(&*letters, queue, &DeadSelection::All, 10).await;
    assert!(all.iter().map(|letter| &letter.envelope).eq(&events));
    for letter in &all {
        assert_eq!(letter.reason, dead("mails", "no such customer"));
        assert_eq!(letter.origin, bench.queue);
        assert!(letter.died_at >= began && letter.died_at <= Utc::now());
    }
    let some = list(&*letters, queue, &DeadSelection::All, 2).await;
    assert_eq!(some.len(), 2);
    let early = DeadSelection::Before(began);
    assert_eq!(list(&*letters, queue, &early, 10).await, []);

    let second = DeadSelection::Events(vec![events[1].id]);
    assert_eq!(letters.replay(queue, &second).await.unwrap(), 1);
    let replayed = next(&mut consumer).await;
    assert_eq!(replayed.envelope.id, events[1].id);
    assert_eq!(
        (replayed.target.as_deref(), replayed.retries),
        (Some("mails"), 0)
    );
    replayed.settle.ack().await.unwrap();

    let first = DeadSelection::Events(vec![events[0].id]);
    assert_eq!(letters.purge(queue, &first).await.unwrap(), 1);
    let left = list(&*letters, queue, &DeadSelection::All, 10).await;
    assert!(left.iter().map(|letter| &letter.envelope).eq([&events[2]]));
    for count in [1, 0] {
        let purged = letters.purge(queue, &DeadSelection::All).await;
        assert_eq!(purged.unwrap(), count);
    }
    assert_quiet(&mut consumer).await;
}

async fn list(
    letters: &dyn DeadLetters,
    queue: &str,
    which: &DeadSelection,
    limit: usize,
) -> Vec<DeadLetter> {
    letters.list(queue, which, limit).await.unwrap()
}
