//! Who causes a change: an ambient name, which saves write into the history of a model.
//!
//! ```
//! use celerysalt::actor;
//!
//! let seen = actor::sync_scope("user:ada", actor::current);
//! assert_eq!(seen.as_deref(), Some("user:ada"));
//! assert_eq!(actor::current(), None);
//! ```

use std::future::Future;

tokio::task_local! {
    static CURRENT: String;
}

/// The actor of the innermost scope around this code; none outside of scopes.
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs a future in the name of this actor. Tasks that it spawns are outside of the scope.
pub async fn scope<F: Future>(actor: impl Into<String>, future: F) -> F::Output {
    CURRENT.scope(actor.into(), future).await
}

/// Runs a closure in the name of this actor, on this thread; it needs no async runtime.
pub fn sync_scope<R>(actor: impl Into<String>, f: impl FnOnce() -> R) -> R {
    CURRENT.sync_scope(actor.into(), f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_innermost_scope_counts() {
        let (outer, inner) = scope("outer", async {
            let inner = sync_scope("inner", current);
            tokio::task::yield_now().await;
            (current(), inner)
        })
        .await;
        assert_eq!(outer.as_deref(), Some("outer"));
        assert_eq!(inner.as_deref(), Some("inner"));
        assert_eq!(current(), None);
    }
}
