//! A signal inside the process: new events may be in some outbox.

use tokio::sync::Notify;

static CHANGED: Notify = Notify::const_new();

/// Wakes the relays of this process: call it after the commit of a transaction that wrote events. A relay that
/// is not told finds them by itself, at the next poll or by the database's notification.
pub fn wake() {
    ring(&CHANGED);
}

pub(super) async fn woken() {
    CHANGED.notified().await;
}

/// Wakes all who wait, and the next one who comes, for a relay may be on its way to wait.
pub(super) fn ring(notify: &Notify) {
    notify.notify_waiters();
    notify.notify_one();
}
