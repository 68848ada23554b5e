use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use celerysalt_diesel::{Error, asynchronous};
use diesel::connection::InstrumentationEvent;
use diesel::result::Error as DieselError;
use diesel_async::AsyncConnection;

use db::{Conn, FollowUpdate, RUNTIME, TestDb, only_status, outbox, paid, stored};

/// How many saves are tried before the test gives up on seeing all of them cut.
const ATTEMPTS: usize = 100;

/// How a save went that was to be dropped after some statements.
enum Cut<T> {
    Dropped,
    /// The database answered faster than the poller looked: says nothing of a cut there, so it is tried again.
    Missed(T),
    /// The save has fewer statements.
    Ended(T),
}

/// How many statements a connection has begun, and after how many its save is dropped.
#[derive(Clone, Default)]
struct Scissors {
    begun: Arc<AtomicUsize>,
    after: usize,
    are_done: Arc<AtomicBool>,
}

impl Scissors {
    fn at(conn: &mut impl AsyncConnection, after: usize) -> Self {
        let scissors = Self { after, ..Self::default() };
        let (mine, poller) = (scissors.clone(), std::thread::current().id());
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { .. } = event {
                mine.begun.fetch_add(1, Ordering::SeqCst);
                // A statement that runs on a thread of its own would end before the poller has looked.
                while mine.are_due() && std::thread::current().id() != poller && !mine.are_done.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
            }
        });
        scissors
    }

    fn are_due(&self) -> bool {
        self.begun.load(Ordering::SeqCst) >= self.after
    }

    /// Runs the save, or drops it as soon as so many statements have begun and are waited for.
    async fn cut<F: Future>(&self, save: F) -> Cut<F::Output> {
        let mut save = pin!(save);
        std::future::poll_fn(|context| match save.as_mut().poll(context) {
            Poll::Ready(saved) => {
                self.are_done.store(true, Ordering::SeqCst);
                Poll::Ready(if self.are_due() { Cut::Missed(saved) } else { Cut::Ended(saved) })
            }
            Poll::Pending if self.are_due() => {
                self.are_done.store(true, Ordering::SeqCst);
                Poll::Ready(Cut::Dropped)
            }
            Poll::Pending => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await
    }
}

/// What is left is the whole save or nothing, and no lock: another's save makes one event of it in both cases.
fn another_saves(conn: &mut Conn, id: i32) {
    let saved = only_status("paid").update_and_follow(id, conn).unwrap();
    assert!(saved.on_change_rules.is_empty());
    let of = Some(format!("order:{id}"));
    assert_eq!(outbox(conn).iter().filter(|event| event.aggregate == of).count(), 1);
}

#[test]
fn a_save_that_is_dropped_is_rolled_back() {
    let test = TestDb::new();
    let other = &mut test.connect();
    let mut cuts = 0;
    for attempt in 0..ATTEMPTS {
        let id = stored(other, &attempt.to_string(), vec![paid()]).id;
        let mut conn = test.connect().into_inner();
        let scissors = Scissors::at(&mut conn, cuts + 1);
        let saved = RUNTIME.block_on(async {
            let save = asynchronous::FollowUpdate::update_and_follow(only_status("paid"), id, &mut conn);
            let saved = scissors.cut(save).await;
            let used = conn.transaction(async |_| Ok::<_, DieselError>(())).await;
            match &saved {
                Cut::Missed(saved) | Cut::Ended(saved) => assert!(saved.is_ok() && used.is_ok()),
                Cut::Dropped => assert!(matches!(used, Err(DieselError::BrokenTransactionManager)), "{used:?}"),
            }
            saved
        });
        drop(conn);
        another_saves(other, id);
        match saved {
            Cut::Dropped => cuts += 1,
            Cut::Missed(_) => {}
            Cut::Ended(_) => break,
        }
    }
    assert!(cuts >= 4, "cut {cuts} times");
}

#[test]
fn a_dropped_save_takes_the_callers_transaction_with_it() {
    let test = TestDb::new();
    let other = &mut test.connect();
    let mut cuts = 0;
    for attempt in 0..ATTEMPTS {
        let id = stored(other, &attempt.to_string(), vec![paid()]).id;
        let mut conn = test.connect().into_inner();
        // BEGIN comes before the save.
        let scissors = &Scissors::at(&mut conn, cuts + 2);
        let committed = RUNTIME.block_on(conn.transaction(async |conn| {
            let save = asynchronous::FollowUpdate::update_and_follow(only_status("paid"), id, conn);
            Ok::<_, Error>(scissors.cut(save).await)
        }));
        drop(conn);
        another_saves(other, id);
        match committed {
            Ok(Cut::Ended(_)) => break,
            Ok(Cut::Missed(_)) => {}
            Ok(Cut::Dropped) => panic!("half a save was committed"),
            Err(Error::Database(DieselError::BrokenTransactionManager)) => cuts += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(cuts >= 4, "cut {cuts} times");
}
