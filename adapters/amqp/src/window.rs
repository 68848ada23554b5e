//! A window: what is published over a channel at a time, and what RabbitMQ says of it.
//!
//! lapin may attach a returned message to the confirmation of any publish in flight (seen with 4.12.3). So returns are
//! gathered over all confirmations of a window, and told apart by `message_id`.

use std::collections::HashSet;

use futures::FutureExt;
use lapin::options::BasicPublishOptions;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::types::ShortString;
use lapin::{Channel, Confirmation, Error, ErrorKind, PublisherConfirm};

use crate::failure::words;
use crate::message::Message;
use crate::publish::Refusal;

/// What came of a window.
pub(crate) struct Published {
    /// Of each message, in their order; nothing of those that were not confirmed when the channel ended.
    pub(crate) results: Vec<Option<Result<(), Refusal>>>,
    /// Why the channel ended, if it did.
    pub(crate) ended: Option<Ended>,
}

/// Why a channel ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// RabbitMQ closed it over one of the messages that it had not confirmed, and took no later one.
    Over(Refusal),
    /// RabbitMQ closed the whole connection over a message, of this channel or of another one.
    Beside(Refusal),
    /// For another reason: they may or may not have arrived.
    Lost(String),
}

impl Published {
    /// Nothing is known of any.
    pub(crate) fn lost(window: &[&Message], reason: String) -> Self {
        Self {
            results: vec![None; window.len()],
            ended: Some(Ended::Lost(reason)),
        }
    }
}

/// Publishes all of a window and awaits all confirmations.
pub(crate) async fn publish_window(channel: &Channel, window: &[&Message]) -> Published {
    let mut confirms = Vec::with_capacity(window.len());
    let mut unsent = None;
    for message in window {
        match send(channel, message).await {
            Ok(confirm) => confirms.push(confirm),
            Err(error) => {
                unsent = Some(error);
                break;
            }
        }
    }
    let (mut results, mut ended) = (Vec::with_capacity(window.len()), None);
    let mut returned: HashSet<ShortString> = HashSet::new();
    for confirm in confirms {
        let confirmation = match ended {
            None => confirm.await,
            // All that came before the channel ended is there by now.
            Some(_) => match confirm.now_or_never() {
                Some(confirmation) => confirmation,
                None => {
                    results.push(None);
                    continue;
                }
            },
        };
        match confirmation {
            Ok(confirmation) => {
                results.push(Some(taken(&confirmation)));
                match returned_id(confirmation) {
                    Ok(id) => returned.extend(id),
                    Err(reason) => return Published::lost(window, reason),
                }
            }
            Err(error) => {
                results.push(None);
                ended.get_or_insert_with(|| why(&error));
            }
        }
    }
    results.resize(window.len(), None);
    tell_returned(window, &returned, &mut results);
    // The confirmations tell RabbitMQ's reason; what could not be sent tells that the channel is closed.
    let ended = ended.or_else(|| unsent.map(|error| why(&error)));
    Published { results, ended }
}

/// Tells which messages came back. Where confirmations are missing, one of them may have been to bring the return of a
/// message that is confirmed: then those that are there brought a return of one that is not, for each confirmation brings
/// the oldest return that waits. So nothing is certain then.
fn tell_returned(
    window: &[&Message],
    returned: &HashSet<ShortString>,
    results: &mut [Option<Result<(), Refusal>>],
) {
    let mut of_confirmed = 0;
    for (message, result) in window.iter().zip(results.iter_mut()) {
        if result.is_some() && message.id().is_some_and(|id| returned.contains(id)) {
            *result = Some(Err(Refusal::Unroutable));
            of_confirmed += 1;
        }
    }
    if of_confirmed < returned.len() && results.contains(&None) {
        results.fill(None);
    }
}

async fn send(channel: &Channel, message: &Message) -> lapin::Result<PublisherConfirm> {
    let mandatory = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let sent = channel.basic_publish(
        message.exchange.clone(),
        message.routing_key.clone(),
        mandatory,
        &message.body,
        message.properties.clone(),
    );
    sent.await
}

fn taken(confirmation: &Confirmation) -> Result<(), Refusal> {
    match confirmation.is_ack() {
        true => Ok(()),
        false => Err(Refusal::Unconfirmed(
            "RabbitMQ refused it (a full queue, or an error of its own)".to_owned(),
        )),
    }
}

/// The id of the message that came back with a confirmation, whosever it is.
fn returned_id(confirmation: Confirmation) -> Result<Option<ShortString>, String> {
    let Some(returned) = confirmation.take_message() else {
        return Ok(None);
    };
    let id = returned.delivery.properties.message_id().clone();
    id.map(Some)
        .ok_or_else(|| "RabbitMQ returned a message without its id".to_owned())
}

fn why(error: &Error) -> Ended {
    let ErrorKind::ProtocolError(refusal) = error.kind() else {
        return Ended::Lost(words(error));
    };
    let kind = match refusal.kind() {
        AMQPErrorKind::Soft(kind) => kind,
        // lapin may send on over a channel that RabbitMQ has just closed over a message, for which the connection is
        // closed too, with the channels of others (seen with 4.12.3).
        AMQPErrorKind::Hard(AMQPHardError::CHANNELERROR) => {
            return Ended::Beside(Refusal::Unconfirmed(words(error)));
        }
        AMQPErrorKind::Hard(_) => return Ended::Lost(words(error)),
    };
    let said = refusal.get_message().as_str();
    Ended::Over(match kind {
        AMQPSoftError::NOTFOUND => Refusal::NoExchange(words(error)),
        AMQPSoftError::ACCESSREFUSED => {
            Refusal::Unconfirmed(format!("{said}: give this user the permission"))
        }
        // The code stands for other failures as well; RabbitMQ tells them apart by its words alone.
        AMQPSoftError::PRECONDITIONFAILED if said.contains("message size") => {
            Refusal::TooLarge(format!(
                "{said}: keep what is large elsewhere and send where, or raise RabbitMQ's `max_message_size`"
            ))
        }
        _ => Refusal::Unconfirmed(words(error)),
    })
}

#[cfg(test)]
mod tests {
    use lapin::BasicProperties;

    use super::*;

    fn message(id: &str) -> Message {
        Message {
            exchange: "".into(),
            routing_key: "".into(),
            properties: BasicProperties::default().with_message_id(id.into()),
            body: Vec::new(),
        }
    }

    fn told(
        returned: &[&str],
        mut results: [Option<Result<(), Refusal>>; 3],
    ) -> [Option<Result<(), Refusal>>; 3] {
        let messages = ["a", "b", "c"].map(message);
        let returned = returned.iter().map(|id| ShortString::from(*id)).collect();
        tell_returned(&messages.each_ref(), &returned, &mut results);
        results
    }

    #[test]
    fn what_came_back_is_told_whosever_confirmation_brought_it() {
        let all = [Some(Ok(())), Some(Ok(())), Some(Ok(()))];
        let unroutable = Some(Err(Refusal::Unroutable));
        assert_eq!(
            told(&["b"], all.clone()),
            [Some(Ok(())), unroutable, Some(Ok(()))]
        );
        assert_eq!(told(&[], all.clone()), all);
    }

    /// The confirmation of `a` brought `b`; `a` itself may have come back with the one of `b`, which is missing.
    #[test]
    fn nothing_is_certain_where_the_return_of_a_message_came_before_its_confirmation() {
        assert_eq!(told(&["b"], [Some(Ok(())), None, None]), [None, None, None]);
        let apart = [Some(Ok(())), None, None];
        assert_eq!(told(&[], apart.clone()), apart);
    }
}
