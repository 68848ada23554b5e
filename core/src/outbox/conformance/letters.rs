//! What a store does with dead letters.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{DeadLetterStore, HandlerProgress, Progress, Settlement, SharedOutbox};
use super::{after, again, claim, dead, event, fill, numbers, settle, start};
use crate::broker::DeadSelection;

pub async fn settles_with_dead_letters(store: SharedOutbox, letters: Arc<dyn DeadLetterStore>) {
    fill(&store, &["", ""]).await;
    let held = claim(&store, 2, start()).await;
    let outcome = Settlement::Delivered {
        dead: vec![dead("mail"), dead("audit")],
    };
    let settled = [
        (held[0].clone(), outcome),
        (held[1].clone(), again(after(9))),
    ];
    store.settle(&settled, after(1)).await.unwrap();
    store.settle(&settled, after(2)).await.unwrap();
    let found = letters.dead_letters(&DeadSelection::All, 10).await.unwrap();
    let mut handlers: Vec<_> = found
        .iter()
        .map(|l| l.reason.handler.clone().unwrap())
        .collect();
    handlers.sort();
    assert_eq!(handlers, ["audit", "mail"], "once, though settled twice");
    assert_eq!(found[0].envelope, held[0].envelope);
    assert_eq!((found[0].died_at, found[0].reason.attempts), (after(1), 4));
    let status = store.status().await.unwrap();
    assert_eq!((status.delivered, status.dead, status.retrying), (1, 2, 1));
    let before = DeadSelection::Before(after(1));
    assert_eq!(letters.purge_dead_letters(&before).await.unwrap(), 0);
    let these = DeadSelection::Events(vec![held[0].envelope.id]);
    assert_eq!(letters.purge_dead_letters(&these).await.unwrap(), 2);
    assert_eq!(store.status().await.unwrap().dead, 0);
}

pub async fn replays_dead_letters_to_their_handler(
    store: SharedOutbox,
    letters: Arc<dyn DeadLetterStore>,
) {
    let mut stale = event("a", 1);
    stale.meta.expires = Some(after(1));
    store.append(&[stale], start()).await.unwrap();
    let held = claim(&store, 1, start()).await;
    let outcome = Settlement::Delivered {
        dead: vec![dead("mail"), dead("audit")],
    };
    settle(&store, &held[0], outcome, start()).await;
    let all = DeadSelection::All;
    assert_eq!(letters.replay(&all, after(60)).await.unwrap(), 2);
    assert_eq!(letters.replay(&all, after(60)).await.unwrap(), 0);
    assert_eq!(letters.dead_letters(&all, 10).await.unwrap(), []);
    let mut held = claim(&store, 10, after(60)).await;
    held[0].targets.sort();
    assert_eq!(held[0].targets, ["audit", "mail"]);
    assert_eq!(held[0].envelope.meta.expires, None);
    // It dies again, is forgotten by the outbox, and can still be replayed.
    let outcome = Settlement::Delivered {
        dead: vec![dead("mail")],
    };
    settle(&store, &held[0], outcome, after(61)).await;
    assert_eq!(store.purge(after(62)).await.unwrap(), 1);
    let these = DeadSelection::Events(vec![held[0].envelope.id]);
    assert_eq!(letters.replay(&these, after(63)).await.unwrap(), 1);
    let held = claim(&store, 10, after(63)).await;
    assert_eq!((numbers(&held), held[0].targets.len()), (vec![1], 1));
}

pub async fn replays_into_an_open_event(store: SharedOutbox, letters: Arc<dyn DeadLetterStore>) {
    fill(&store, &[""]).await;
    let held = claim(&store, 1, start()).await;
    let done = |handler: &str| (handler.to_owned(), HandlerProgress::Done);
    let outcome = Settlement::Again {
        at: after(100),
        error: "audit failed".to_owned(),
        progress: Progress(BTreeMap::from([done("mail"), done("index")])),
        dead: vec![dead("mail")],
        counts: true,
    };
    settle(&store, &held[0], outcome, start()).await;
    let all = DeadSelection::All;
    let held = claim(&store, 1, after(100)).await;
    assert_eq!(
        letters.replay(&all, after(100)).await.unwrap(),
        0,
        "its delivery is running"
    );
    store.release(&[held[0].claim()]).await.unwrap();
    assert_eq!(letters.replay(&all, after(100)).await.unwrap(), 1);
    let held = claim(&store, 1, after(100)).await;
    assert_eq!(held[0].targets, [""; 0], "others are not done either");
    assert_eq!(held[0].progress.0.keys().collect::<Vec<_>>(), ["index"]);
}
