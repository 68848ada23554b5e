//! A watcher keeps what saves see current, whatever its store does.
#![allow(clippy::unwrap_used, clippy::panic)]

mod rule_table_support;

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use celerysalt::clock::Clock;
use celerysalt::rule_table::{
    MemoryRules, RuleList, RuleStore, RuleStoreError, RuleTable, RuleVersion, RuleWrite, scope,
};
use celerysalt::testing::TestClock;

use rule_table_support::{model, moved, save, start};

/// A store that can be taken down, and that tells of changes or does not.
#[derive(Default)]
struct Shaky {
    rules: Mutex<MemoryRules>,
    down: AtomicBool,
    mute: bool,
    deaf: bool,
    wakes_for_nothing: bool,
    asked: AtomicU32,
}

impl Shaky {
    fn rules(&self) -> MemoryRules {
        self.rules.lock().unwrap().clone()
    }

    fn up(&self) -> Result<MemoryRules, RuleStoreError> {
        match self.down.load(Ordering::SeqCst) {
            true => Err(RuleStoreError::Store("it is down".into())),
            false => Ok(self.rules()),
        }
    }
}

#[async_trait]
impl RuleStore for Shaky {
    async fn write(&self, write: &RuleWrite) -> Result<Option<RuleVersion>, RuleStoreError> {
        self.rules().write(write).await
    }

    async fn list(&self, model: Option<&str>) -> Result<RuleList, RuleStoreError> {
        self.up()?.list(model).await
    }

    async fn versions(&self, model: &str, id: &str) -> Result<Vec<RuleVersion>, RuleStoreError> {
        self.rules().versions(model, id).await
    }

    async fn revision(&self) -> Result<u64, RuleStoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.up()?.revision().await
    }

    async fn changed(&self, since: u64) -> Result<(), RuleStoreError> {
        let rules = self.up()?;
        if self.deaf {
            return Err(RuleStoreError::Store("nobody may listen".into()));
        }
        match (self.wakes_for_nothing, self.mute) {
            (true, _) => {
                tokio::task::yield_now().await;
                Ok(())
            }
            (_, true) => std::future::pending().await,
            (_, false) => rules.changed(since).await,
        }
    }
}

/// Runs a case beside a watcher of a store, on a clock that stands still.
async fn beside_watcher<F: Future>(
    store: Shaky,
    case: impl FnOnce(Arc<Shaky>, RuleTable, TestClock) -> F,
) {
    let store = Arc::new(store);
    let clock = TestClock::at(start());
    let table = RuleTable::new(store.clone()).with_clock(Arc::new(clock.clone()));
    let case = async {
        case(store, table.clone(), clock).await;
    };
    let case = tokio::time::timeout(
        Duration::from_secs(30),
        scope(async {
            let watched = std::pin::pin!(case);
            futures::future::select(watched, std::pin::pin!(table.watch(std::future::pending())))
                .await;
        }),
    );
    case.await.expect("the watcher does not come to it");
}

/// Lets the watcher run until it has come to it; no time passes.
async fn until(mut reached: impl FnMut() -> bool) {
    while !reached() {
        tokio::task::yield_now().await;
    }
}

/// Lets the watcher run for a while; no time passes.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn fires() -> usize {
    save("new", "paid").events.len()
}

/// Beside its watch for what the store tells, a watcher that has come to rest sleeps until its next question.
async fn at_rest(clock: &TestClock) {
    clock.until_sleepers(1).await;
}

#[tokio::test]
async fn what_the_store_tells_of_is_seen_at_once() {
    beside_watcher(Shaky::default(), async |_, table, clock| {
        at_rest(&clock).await;
        table.put(&model(), moved("a")).await.unwrap();
        until(|| fires() == 1).await;
        table.remove("order", "a").await.unwrap();
        until(|| fires() == 0).await;
        assert_eq!(clock.now(), start(), "no time has passed");
    })
    .await;
}

#[tokio::test]
async fn a_store_that_tells_nothing_is_asked_twice_a_second() {
    let mute = Shaky {
        mute: true,
        ..Shaky::default()
    };
    beside_watcher(mute, async |_, table, clock| {
        at_rest(&clock).await;
        table.put(&model(), moved("a")).await.unwrap();
        settle().await;
        clock.advance(Duration::from_millis(499));
        settle().await;
        assert_eq!(fires(), 0);
        clock.advance(Duration::from_millis(1));
        until(|| fires() == 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_store_that_cannot_be_listened_to_is_polled() {
    let deaf = Shaky {
        deaf: true,
        ..Shaky::default()
    };
    beside_watcher(deaf, async |_, table, clock| {
        at_rest(&clock).await;
        table.put(&model(), moved("a")).await.unwrap();
        clock.advance(Duration::from_millis(500));
        until(|| fires() == 1).await;
    })
    .await;
}

#[tokio::test]
async fn while_the_store_is_down_saves_go_on_with_what_was_loaded_and_then_see_the_rest() {
    beside_watcher(Shaky::default(), async |store, table, clock| {
        table.put(&model(), moved("a")).await.unwrap();
        until(|| fires() == 1).await;
        at_rest(&clock).await;
        store.down.store(true, Ordering::SeqCst);
        table.put(&model(), moved("b")).await.unwrap();
        for _ in 0..20 {
            clock.until_sleepers(1).await;
            clock.advance_to_next();
            settle().await;
            assert_eq!(fires(), 1);
        }
        let asked = store.asked.load(Ordering::SeqCst);
        assert!((10..=25).contains(&asked), "asked {asked} times");
        store.down.store(false, Ordering::SeqCst);
        clock.advance(Duration::from_secs(2));
        until(|| fires() == 2).await;
    })
    .await;
}

#[tokio::test]
async fn a_store_that_wakes_for_nothing_is_not_asked_without_end() {
    let jumpy = Shaky {
        wakes_for_nothing: true,
        ..Shaky::default()
    };
    beside_watcher(jumpy, async |store, _, clock| {
        at_rest(&clock).await;
        settle().await;
        let asked = store.asked.load(Ordering::SeqCst);
        assert!(asked <= 3, "asked {asked} times while no time passed");
    })
    .await;
}

#[tokio::test]
async fn a_table_that_was_restored_from_a_backup_is_loaded() {
    beside_watcher(Shaky::default(), async |store, table, clock| {
        table.put(&model(), moved("a")).await.unwrap();
        table.put(&model(), moved("b")).await.unwrap();
        until(|| fires() == 2).await;
        let backup = MemoryRules::new();
        let restored = RuleTable::new(Arc::new(backup.clone()));
        restored.put(&model(), moved("a")).await.unwrap();
        *store.rules.lock().unwrap() = backup;
        clock.advance(Duration::from_millis(500));
        until(|| fires() == 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_watch_ends_with_its_shutdown() {
    let table = RuleTable::new(Arc::new(MemoryRules::new()));
    table.watch(async {}).await;
    scope(table.watch(settle())).await;
}
