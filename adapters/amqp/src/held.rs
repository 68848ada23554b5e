//! What this process holds, and held when a connection was lost: when that comes back, no worker has crashed.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::wire::Decoded;

/// The messages that this process holds or has lost.
#[derive(Default)]
pub(crate) struct HeldHere(Mutex<State>);

#[derive(Default)]
struct State {
    held: HashMap<Held, Vec<Arc<Hold>>>,
    /// With how often they had come back by a crash.
    lost: HashMap<Held, u32>,
    /// Those of `lost`, and some that have come back since, by age.
    by_age: VecDeque<Held>,
}

/// A message by its queue, its event and, on a retry, its handler.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Held {
    queue: Arc<str>,
    event: Uuid,
    target: Option<String>,
}

impl Held {
    pub(crate) fn of(queue: &Arc<str>, decoded: &Decoded) -> Self {
        Self {
            queue: Arc::clone(queue),
            event: decoded.envelope.id,
            target: decoded.target.clone(),
        }
    }
}

/// One delivery of a message.
pub(crate) struct Hold {
    message: Held,
    /// How often the message had come back by a crash.
    returns: u32,
    /// Its consumer was dropped by its owner, as a crash would.
    abandoned: Arc<AtomicBool>,
    /// The message has come back while this delivery of it was still being handled.
    has_come_back: AtomicBool,
}

impl Hold {
    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::SeqCst)
    }
}

/// What this process knows of a message that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing.
    Unknown,
    /// An earlier delivery of it is still being handled here. It had come back so often by then, and no worker has
    /// crashed since.
    StillHandled(u32),
    /// It was held here when its connection was lost; it had come back so often by then.
    Lost(u32),
}

impl HeldHere {
    /// The most that are remembered as lost, the oldest of which are forgotten first: they went to other processes.
    const MOST: usize = 10_000;

    /// Notes a delivery, until it is [released](Self::release).
    pub(crate) fn hold(
        &self,
        message: Held,
        returns: u32,
        abandoned: &Arc<AtomicBool>,
    ) -> Arc<Hold> {
        let hold = Arc::new(Hold {
            message: message.clone(),
            returns,
            abandoned: Arc::clone(abandoned),
            has_come_back: AtomicBool::new(false),
        });
        let mut state = self.lock();
        state
            .held
            .entry(message)
            .or_default()
            .push(Arc::clone(&hold));
        hold
    }

    /// Forgets a delivery that is settled, or that its channel's end or a rejection gives back.
    pub(crate) fn release(&self, hold: &Arc<Hold>) {
        let mut state = self.lock();
        let Some(all) = state.held.get_mut(&hold.message) else {
            return;
        };
        all.retain(|other| !Arc::ptr_eq(other, hold));
        if all.is_empty() {
            state.held.remove(&hold.message);
        }
    }

    /// Remembers the message of a delivery that was lost; unless it has come back already, or its consumer was
    /// abandoned.
    pub(crate) fn lose(&self, hold: &Hold) {
        if !hold.is_abandoned() && !hold.has_come_back.load(Ordering::SeqCst) {
            self.remember(hold.message.clone(), hold.returns);
        }
    }

    /// Remembers a message that goes back without a crash, having come back so often by one.
    pub(crate) fn remember(&self, message: Held, returns: u32) {
        let mut state = self.lock();
        if state.lost.insert(message.clone(), returns).is_some() {
            return;
        }
        state.by_age.push_back(message);
        if state.by_age.len() > Self::MOST
            && let Some(oldest) = state.by_age.pop_front()
        {
            state.lost.remove(&oldest);
        }
    }

    /// Recognizes a message that comes. That it was lost is forgotten by that.
    pub(crate) fn recognize(&self, message: &Held, redelivered: bool) -> Known {
        let mut state = self.lock();
        let lost = match redelivered {
            true => state.lost.remove(message),
            false => None,
        };
        let holds = state.held.get(message).into_iter().flatten();
        let holds: Vec<_> = holds.filter(|hold| !hold.is_abandoned()).collect();
        // Sent anew it is not redelivered any more. A second copy of an event that never came back is just that.
        let comes_back = redelivered
            || holds
                .iter()
                .any(|hold| hold.has_come_back.load(Ordering::SeqCst));
        match holds.iter().map(|hold| hold.returns).min() {
            Some(returns) if comes_back => {
                for hold in holds {
                    hold.has_come_back.store(true, Ordering::SeqCst);
                }
                Known::StillHandled(returns)
            }
            _ => lost.map_or(Known::Unknown, Known::Lost),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(queue: &str, event: u128) -> Held {
        Held {
            queue: queue.into(),
            event: Uuid::from_u128(event),
            target: None,
        }
    }

    #[test]
    fn what_is_handled_here_is_recognized_until_it_is_released() {
        let (here, mine) = (HeldHere::default(), message("svc", 1));
        let hold = here.hold(mine.clone(), 2, &Arc::default());
        assert_eq!(here.recognize(&mine, false), Known::Unknown, "a copy");
        assert_eq!(here.recognize(&message("audit", 1), true), Known::Unknown);
        assert_eq!(here.recognize(&mine, true), Known::StillHandled(2));
        assert_eq!(
            here.recognize(&mine, false),
            Known::StillHandled(2),
            "sent anew"
        );
        here.release(&hold);
        here.lose(&hold);
        assert_eq!(
            here.recognize(&mine, true),
            Known::Unknown,
            "it came already"
        );
    }

    #[test]
    fn what_was_lost_is_recognized_once() {
        let (here, mine) = (HeldHere::default(), message("svc", 1));
        let hold = here.hold(mine.clone(), 2, &Arc::default());
        here.release(&hold);
        here.lose(&hold);
        assert_eq!(here.recognize(&mine, false), Known::Unknown);
        assert_eq!(here.recognize(&mine, true), Known::Lost(2));
        assert_eq!(here.recognize(&mine, true), Known::Unknown);
    }

    #[test]
    fn what_an_abandoned_consumer_held_is_a_crash() {
        let (here, mine) = (HeldHere::default(), message("svc", 1));
        let abandoned = Arc::<AtomicBool>::default();
        let hold = here.hold(mine.clone(), 2, &abandoned);
        abandoned.store(true, Ordering::SeqCst);
        assert_eq!(here.recognize(&mine, true), Known::Unknown);
        here.lose(&hold);
        assert_eq!(here.recognize(&mine, true), Known::Unknown);
    }

    #[test]
    fn the_oldest_is_forgotten_when_there_are_too_many() {
        let here = HeldHere::default();
        for event in 0..=HeldHere::MOST as u128 {
            here.remember(message("svc", event), 0);
        }
        assert_eq!(here.recognize(&message("svc", 0), true), Known::Unknown);
        assert_eq!(here.recognize(&message("svc", 1), true), Known::Lost(0));
        let state = here.lock();
        assert!(state.lost.len() <= HeldHere::MOST && state.by_age.len() <= HeldHere::MOST);
    }
}
