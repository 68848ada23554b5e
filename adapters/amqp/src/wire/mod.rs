//! Celery's wire format, as celery-salt and tchu-tchu speak it: an [`Envelope`](celerysalt::event::Envelope) to a message
//! and back. Pure: no connection, no clock.
//!
//! A message is a task for the dispatcher of a service. Protocol 2 carries the task's name and id in the headers and
//! `[args, kwargs, embed]` in the body; protocol 1 (what `kombu` sends without a Celery app) carries all in the body.
//! Both are read, protocol 2 is written. The event is `args[0]`: a JSON object as text, with `_tchu_meta` beside its
//! own fields. Keys of `_tchu_meta` beyond Python's own are ignored there.

mod body;
mod decode;
mod encode;
mod error;
pub(crate) mod headers;
mod meta;
mod wanted;

pub use decode::{Decoded, Incoming, decode};
pub(crate) use encode::instant;
pub use encode::{Outgoing, encode};
pub use error::{DecodeError, EncodeError};
pub(crate) use wanted::wanted_now;

/// Which dispatcher task a message is for: a worker of Python's looks at nothing else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// `celery_salt.dispatch_event`: workers of celery-salt 1.
    #[default]
    CelerySalt,
    /// `tchu_tchu.dispatch_event`: workers of tchu-tchu 2 and 3, which know no other.
    TchuTchu,
}

impl Dialect {
    /// The task's name.
    pub const fn task(self) -> &'static str {
        match self {
            Self::CelerySalt => "celery_salt.dispatch_event",
            Self::TchuTchu => "tchu_tchu.dispatch_event",
        }
    }

    /// Whether a task is a dispatcher's, of either name.
    pub(crate) fn is_dispatcher(task: &str) -> bool {
        [Self::CelerySalt, Self::TchuTchu]
            .iter()
            .any(|dialect| dialect.task() == task)
    }
}
