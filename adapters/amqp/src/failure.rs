//! lapin's errors in this library's words.

use celerysalt::broker::BrokerError;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::ShortString;
use lapin::{Error, ErrorKind};

use crate::tls;

/// Why the broker could not be used at all.
pub(crate) fn unreachable(reason: impl ToString) -> BrokerError {
    BrokerError::Unreachable {
        reason: reason.to_string(),
    }
}

/// What a declaration or a consumer failed of: RabbitMQ's own words where it refuses, for they name what differs.
pub(crate) fn of_queue(queue: &str, error: &Error) -> BrokerError {
    let ErrorKind::ProtocolError(refusal) = error.kind() else {
        return unreachable(words(error));
    };
    let remedy = match refusal.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => {
            "declare it as it is (`queue_kind`, `max_priority`), use another name, or delete it when it is empty"
        }
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => "declare it first; was it deleted?",
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => {
            "give this user the permission, or use another name"
        }
        AMQPErrorKind::Soft(AMQPSoftError::RESOURCELOCKED) => {
            "another connection has it for itself alone; use another name"
        }
        AMQPErrorKind::Soft(_) => "see the broker's log",
        AMQPErrorKind::Hard(_) => return unreachable(words(error)),
    };
    BrokerError::Queue {
        queue: queue.to_owned(),
        reason: format!("{}: {remedy}", refusal.get_message()),
    }
}

/// Whether RabbitMQ has no queue or exchange of that name.
pub(crate) fn is_not_found(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(refusal)
        if *refusal.kind() == AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND))
}

/// A name as AMQP carries it.
///
/// # Errors
/// [`BrokerError::Queue`] for one that is too long.
pub(crate) fn short(what: &str, name: &str) -> Result<ShortString, BrokerError> {
    const SHOWN: usize = 40;
    ShortString::try_new(name).map_err(|_| BrokerError::Queue {
        queue: format!("{}…", name.chars().take(SHOWN).collect::<String>()),
        reason: format!(
            "the {what} has {} bytes, AMQP takes 255 at most; take a shorter one",
            name.len()
        ),
    })
}

/// An error on one line. lapin's hold no credentials.
pub(crate) fn words(error: &Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(refusal)
            if [ACCESS_REFUSED, NOT_ALLOWED].contains(&refusal.get_id()) =>
        {
            format!(
                "{}; compare user, password and vhost of the URL with the broker's",
                refusal.get_message().as_str().trim_end_matches('.')
            )
        }
        ErrorKind::IOError(failure) => match tls::remedy(failure) {
            Some(remedy) => format!("{error}: {remedy}"),
            None => error.to_string(),
        },
        _ => error.to_string(),
    }
}

/// `ACCESS_REFUSED` of AMQP 0-9-1, as a wrong password is answered.
const ACCESS_REFUSED: u16 = 403;
/// `NOT_ALLOWED` of AMQP 0-9-1, as a vhost that is not there is answered.
const NOT_ALLOWED: u16 = 530;
