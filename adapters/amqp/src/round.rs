//! A round: what waited for a channel together, and is published window by window.
//!
//! RabbitMQ closes a channel over one message that it refuses, and does not say which. Then what it had not confirmed is
//! published again by halves, until that one is alone: it fails no other.

use crate::message::Message;
use crate::publish::{Refusal, Results};
use crate::window::{Ended, Published};

/// How many channels a round may lose to refused messages. One in a window of 1,000 is found with eleven; where RabbitMQ
/// refuses everything, that is not tried out one by one.
const MOST_CLOSED: usize = 64;
/// How often a message is published alone while connections are closed over it or others, before it is taken for the one.
const ALONE: usize = 3;

/// A message of a round.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    at: usize,
    pub(crate) message: &'a Message,
}

/// The messages of a round, and what has come of them.
pub(crate) struct Round<'a> {
    results: Vec<Option<Result<(), Refusal>>>,
    /// What is to be published yet, the next part last.
    parts: Vec<Vec<Place<'a>>>,
    closed: usize,
    /// How often one that was alone was published again.
    alone: usize,
    /// Why the rest is given up.
    lost: Option<String>,
}

impl<'a> Round<'a> {
    pub(crate) fn of(messages: &[&'a Message], window: usize) -> Self {
        let places = messages.iter().enumerate();
        let places: Vec<Place<'a>> = places.map(|(at, message)| Place { at, message }).collect();
        Self {
            results: vec![None; messages.len()],
            parts: places.chunks(window).rev().map(<[_]>::to_vec).collect(),
            closed: 0,
            alone: 0,
            lost: None,
        }
    }

    /// What is to be published next, over one channel.
    pub(crate) fn next_part(&mut self) -> Option<Vec<Place<'a>>> {
        self.parts.pop()
    }

    /// Notes what came of a part.
    pub(crate) fn note(&mut self, part: Vec<Place<'a>>, published: Published) {
        let mut left = Vec::new();
        for (place, result) in part.into_iter().zip(published.results) {
            match (result, self.results.get_mut(place.at)) {
                (Some(result), Some(noted)) => *noted = Some(result),
                _ => left.push(place),
            }
        }
        match published.ended {
            None => {}
            Some(Ended::Lost(reason)) => self.give_up(reason),
            Some(Ended::Beside(_)) if left.len() == 1 && self.alone < ALONE => {
                self.alone += 1;
                self.parts.push(left);
            }
            Some(Ended::Over(refusal) | Ended::Beside(refusal)) => self.find(left, refusal),
        }
    }

    /// Finds the one that RabbitMQ refuses.
    fn find(&mut self, mut left: Vec<Place<'a>>, refusal: Refusal) {
        match left.as_slice() {
            [] => {}
            [alone] => {
                if let Some(noted) = self.results.get_mut(alone.at) {
                    *noted = Some(Err(refusal.clone()));
                }
            }
            _ => {
                let later = left.split_off(left.len() / 2);
                self.parts.extend([later, left]);
            }
        }
        self.closed += 1;
        if self.closed == MOST_CLOSED {
            self.give_up(refusal.to_string());
        }
    }

    fn give_up(&mut self, reason: String) {
        self.parts.clear();
        self.lost = Some(reason);
    }

    /// What came of the messages, in their order.
    pub(crate) fn results(self) -> Results {
        let lost = self
            .lost
            .unwrap_or_else(|| "the publisher gave no result".to_owned());
        let results = self.results.into_iter();
        results
            .map(|result| result.unwrap_or_else(|| Err(Refusal::Unconfirmed(lost.clone()))))
            .collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lapin::BasicProperties;
    use proptest::prelude::*;

    use super::*;

    fn too_large() -> Refusal {
        Refusal::TooLarge("too large".to_owned())
    }

    /// A RabbitMQ that closes the channel over a message with a body, and by then has confirmed those before it or none.
    fn publish(part: &[Place<'_>], confirms: bool) -> Published {
        let over = part.iter().position(|place| !place.message.body.is_empty());
        let results = (0..part.len()).map(|n| match over {
            Some(over) if n >= over || !confirms => None,
            _ => Some(Ok(())),
        });
        Published {
            results: results.collect(),
            ended: over.map(|_| Ended::Over(too_large())),
        }
    }

    proptest! {
        #[test]
        fn exactly_the_refused_are_told(
            window in 1..300usize,
            count in 0..300usize,
            refused in prop::collection::btree_set(0..300usize, 0..6),
            confirms: bool,
        ) {
            let messages: Vec<Message> = (0..count)
                .map(|n| Message {
                    exchange: "".into(),
                    routing_key: "".into(),
                    properties: BasicProperties::default(),
                    body: if refused.contains(&n) { vec![1] } else { Vec::new() },
                })
                .collect();
            let messages: Vec<&Message> = messages.iter().collect();
            let mut round = Round::of(&messages, window);
            while let Some(part) = round.next_part() {
                prop_assert!(part.len() <= window);
                let published = publish(&part, confirms);
                round.note(part, published);
            }
            for (n, result) in round.results().into_iter().enumerate() {
                let expected = if refused.contains(&n) { Err(too_large()) } else { Ok(()) };
                prop_assert_eq!(result, expected, "{}", n);
            }
        }
    }

    /// Connections that are closed over the messages of others: who is alone then is not the one.
    #[test]
    fn a_message_that_stood_beside_a_refused_one_is_published_again() {
        let message = Message {
            exchange: "".into(),
            routing_key: "".into(),
            properties: BasicProperties::default(),
            body: Vec::new(),
        };
        let beside = || Published {
            results: vec![None],
            ended: Some(Ended::Beside(too_large())),
        };
        let told = |closed: usize| {
            let messages = vec![&message];
            let mut round = Round::of(&messages, 10);
            let mut published = std::iter::repeat_with(beside).take(closed);
            while let Some(part) = round.next_part() {
                let taken = || publish(&part, true);
                let outcome = published.next().unwrap_or_else(taken);
                round.note(part, outcome);
            }
            round.results()
        };
        assert_eq!(told(ALONE), [Ok(())]);
        assert_eq!(told(ALONE + 1), [Err(too_large())]);
    }

    #[test]
    fn where_everything_is_refused_the_rest_is_given_up() {
        let message = Message {
            exchange: "".into(),
            routing_key: "".into(),
            properties: BasicProperties::default(),
            body: vec![1],
        };
        let messages = vec![&message; 1_000];
        let mut round = Round::of(&messages, 1_000);
        let mut channels = 0;
        while let Some(part) = round.next_part() {
            channels += 1;
            let published = publish(&part, true);
            round.note(part, published);
        }
        assert_eq!(channels, MOST_CLOSED);
        let results = round.results();
        assert_eq!(results.len(), 1_000);
        let last = results.last().unwrap();
        assert_eq!(last, &Err(Refusal::Unconfirmed("too large".to_owned())));
    }
}
