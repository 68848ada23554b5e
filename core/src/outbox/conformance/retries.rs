//! What a store does when somebody wants events tried at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{
    DeadLetterStore, HandlerProgress, Progress, RetrySelection, Settlement, SharedOutbox,
};
use super::{after, again, claim, delivered, fill, numbers, settle, start};

pub async fn retries_what_waits_at_once(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    let events = fill(&store, &["", "a", "a", "", "", ""]).await;
    let held = claim(&store, 5, start()).await;
    let retry = |at| HandlerProgress::Retry { retries: 2, at };
    let progress = |at| {
        Progress(BTreeMap::from([
            ("audit".to_owned(), HandlerProgress::Done),
            ("mail".to_owned(), retry(at)),
        ]))
    };
    let outcomes = [
        Settlement::Again {
            at: after(500),
            error: "mail failed".to_owned(),
            progress: progress(after(500)),
            dead: Vec::new(),
            counts: true,
        },
        again(after(600)),
        Settlement::Unroutable { at: after(700) },
        delivered(),
    ];
    for (event, outcome) in held.iter().zip(outcomes) {
        settle(&store, event, outcome, after(1)).await;
    }
    // The fifth is still held; the sixth is due already.
    let none = RetrySelection::Events(Vec::new());
    assert_eq!(store.retry(&none, after(2)).await.unwrap(), 0);
    let one = RetrySelection::Events(vec![events[1].id, events[3].id, events[4].id]);
    assert_eq!(store.retry(&one, after(2)).await.unwrap(), 1);
    assert_eq!(numbers(&claim(&store, 10, after(2)).await), [2, 6]);
    let waiting = RetrySelection::Waiting;
    assert_eq!(store.retry(&waiting, after(2)).await.unwrap(), 2);
    assert_eq!(store.retry(&waiting, after(2)).await.unwrap(), 0, "due now");
    let due = claim(&store, 10, after(2)).await;
    assert_eq!(
        numbers(&due),
        [1],
        "the other still stands behind one of its aggregate"
    );
    assert_eq!((due[0].attempts, due[0].lost_claims), (0, 0));
    assert_eq!(due[0].progress, progress(after(2)), "the handler runs now");
    assert_eq!(store.retry(&waiting, after(3)).await.unwrap(), 0, "held");
}

pub async fn retries_what_was_given_up(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    let events = fill(&store, &["", "", ""]).await;
    let held = claim(&store, 3, start()).await;
    let wait = Settlement::Unroutable { at: after(10) };
    for (event, end) in held
        .iter()
        .zip([Settlement::Unrouted, Settlement::Unrouted, wait])
    {
        settle(&store, event, end, after(1)).await;
    }
    let these = RetrySelection::Events(vec![events[1].id]);
    assert_eq!(store.retry(&these, after(2)).await.unwrap(), 1);
    let reopened = claim(&store, 10, after(2)).await;
    assert_eq!(numbers(&reopened), [2]);
    assert_eq!(reopened[0].unroutable_since, None, "its time starts anew");
    let all = RetrySelection::Unrouted;
    assert_eq!(store.retry(&all, after(3)).await.unwrap(), 1);
    assert_eq!(store.retry(&all, after(3)).await.unwrap(), 0);
    assert_eq!(numbers(&claim(&store, 10, after(3)).await), [1]);
    let status = store.status().await.unwrap();
    assert_eq!(
        (status.unrouted, status.pending, status.unroutable),
        (0, 3, 1)
    );
    assert_eq!(status.oldest, Some(start()));
}
