//! What RabbitMQ is told of its messages: that one is done, or goes back.

use std::pin::pin;
use std::time::Duration;

use celerysalt::broker::BrokerError;
use lapin::Acker;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::time::timeout;

use crate::failure::{unreachable, words};

/// How often somebody who waits looks whether the channel is still there.
const LOOKS_AFTER_CHANNEL: Duration = Duration::from_millis(200);

/// Tells that a message is done.
///
/// # Errors
/// [`BrokerError::Unreachable`] when that did not go out: the message is given out again.
pub(crate) async fn ack(acker: &Acker) -> Result<(), BrokerError> {
    match told(acker, acker.ack(BasicAckOptions::default())).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(gone()),
        Err(error) => Err(unreachable(words(&error))),
    }
}

/// Gives a message back to its queue; a channel that is gone has done so already.
pub(crate) async fn nack(acker: &Acker) {
    let requeue = BasicNackOptions {
        requeue: true,
        multiple: false,
    };
    let _ = told(acker, acker.nack(requeue)).await;
}

/// The channel went, and what was delivered over it with it.
pub(crate) fn gone() -> BrokerError {
    unreachable("the channel of this delivery is gone; the message went back to its queue")
}

/// lapin forgets what it is told at the moment when a connection ends, and its future never does (seen with 4.12.3). So
/// that end is looked for as well.
async fn told(
    acker: &Acker,
    telling: impl Future<Output = lapin::Result<bool>>,
) -> lapin::Result<bool> {
    let mut telling = pin!(telling);
    loop {
        if let Ok(told) = timeout(LOOKS_AFTER_CHANNEL, &mut telling).await {
            return told;
        }
        if acker.poisoned() {
            return Ok(false);
        }
    }
}
