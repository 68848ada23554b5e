//! Answers over direct reply-to, which come over the channel of their request.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::BrokerError;
use futures::StreamExt;
use lapin::Channel;
use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;
use tokio::sync::oneshot;
use tokio::time::sleep;
use uuid::Uuid;

use super::waiting::Waiting;
use crate::failure::{unreachable, words};
use crate::message::Message;
use crate::settings::Settings;

/// As what RabbitMQ knows the channel of a request, when an answer is to come back over it.
pub(crate) const DIRECT_REPLY_TO: &str = "amq.rabbitmq.reply-to";

/// How often a channel that nobody publishes on any more is asked whether somebody waits for answers over it.
const LOOKS_AFTER_CALLERS: Duration = Duration::from_secs(1);

/// A channel that takes answers: until this is dropped, and then for those who already wait for answers over it.
pub(crate) struct Hearing {
    answers: Waiting,
    channel: Uuid,
    _published_on: oneshot::Sender<Infallible>,
}

impl Hearing {
    /// # Errors
    /// [`BrokerError::Unreachable`].
    pub(crate) async fn start(
        channel: &Channel,
        answers: Waiting,
        settings: &Arc<Settings>,
    ) -> Result<Self, BrokerError> {
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let consuming = async {
            let none = FieldTable::default();
            let stream = channel.basic_consume(DIRECT_REPLY_TO.into(), "".into(), options, none);
            stream.await.map_err(|error| unreachable(words(&error)))
        };
        let mut stream = settings.asked(channel, "answers", consuming).await?;
        let id = Uuid::new_v4();
        let (published_on, abandoned) = oneshot::channel();
        let told = Told {
            answers: answers.clone(),
            channel: id,
        };
        let (settings, channel) = (Arc::clone(settings), channel.clone());
        tokio::spawn(async move {
            hear(&mut stream, &told, abandoned).await;
            drop(told);
            settings.close(&channel).await;
        });
        Ok(Self {
            answers,
            channel: id,
            _published_on: published_on,
        })
    }

    /// Notes which of these messages, which go out over the channel now, are requests with an answer to come.
    pub(crate) fn expect(&self, messages: &[&Message]) {
        for message in messages {
            let properties = &message.properties;
            let reply_to = properties.reply_to().as_ref();
            if reply_to.is_some_and(|reply_to| reply_to.as_str() == DIRECT_REPLY_TO)
                && let Some(id) = properties.correlation_id()
                && let Ok(request) = Uuid::parse_str(id.as_str())
            {
                self.answers.goes_over(request, self.channel);
            }
        }
    }
}

/// Tells those who wait for answers over a channel when there will be none, however that ends.
struct Told {
    answers: Waiting,
    channel: Uuid,
}

impl Drop for Told {
    fn drop(&mut self) {
        self.answers.lost_over(self.channel);
    }
}

async fn hear(
    stream: &mut lapin::Consumer,
    callers: &Told,
    mut abandoned: oneshot::Receiver<Infallible>,
) {
    let mut is_abandoned = false;
    while !is_abandoned || callers.answers.any_over(callers.channel) {
        tokio::select! {
            delivery = stream.next() => match delivery {
                Some(Ok(delivery)) => callers.answers.hear(&delivery),
                _ => return,
            },
            _ = &mut abandoned, if !is_abandoned => is_abandoned = true,
            () = sleep(LOOKS_AFTER_CALLERS), if is_abandoned => {}
        }
    }
}
