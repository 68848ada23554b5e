use std::sync::Arc;

use super::super::{DeadLetterStore, Settlement, SharedOutbox};
use super::{after, claim, event, start};

/// What waits is open, claimed or not, until it is delivered or nobody is bound for it for good.
pub async fn tells_the_oldest_that_is_open(store: SharedOutbox, _: Arc<dyn DeadLetterStore>) {
    assert_eq!(store.oldest_open().await.unwrap(), None);
    for (seconds, number) in [(0, 1), (5, 2), (9, 3)] {
        let events = [event("", number)];
        store.append(&events, after(seconds)).await.unwrap();
    }
    assert_eq!(store.oldest_open().await.unwrap(), Some(start()));
    let claimed = claim(&store, 2, after(10)).await;
    assert_eq!(store.oldest_open().await.unwrap(), Some(start()), "claimed");
    let ends = [
        Settlement::Delivered { dead: Vec::new() },
        Settlement::Unrouted,
    ];
    for (event, (end, oldest)) in claimed.into_iter().zip(ends.into_iter().zip([5, 9])) {
        store.settle(&[(event, end)], after(10)).await.unwrap();
        assert_eq!(store.oldest_open().await.unwrap(), Some(after(oldest)));
    }
}
