//! Whether a subscriber's pattern brings the events that it takes: told while the program is compiled.

use std::marker::PhantomData;

use crate::event::Event;

/// The type of a subscriber's argument.
pub struct Argument<T>(PhantomData<T>);

impl<T: Event> Argument<T> {
    /// The event's topic.
    pub const TOPIC: Option<&'static str> = Some(T::TOPIC);
}

/// Stands in for arguments that are no events, which the compiler takes only where there is nothing nearer.
pub trait NoEvent {
    /// None.
    const TOPIC: Option<&'static str> = None;
}

impl<T> NoEvent for Argument<T> {}

/// Whether events of this topic, if it is one, come by this pattern. A `TopicPattern` cannot be asked in a constant.
pub const fn brings(pattern: &str, topic: Option<&str>) -> bool {
    match topic {
        Some(topic) => matches(pattern.as_bytes(), topic.as_bytes()),
        None => true,
    }
}

/// No word is empty, so what is empty has ended.
const fn matches(pattern: &[u8], topic: &[u8]) -> bool {
    if pattern.is_empty() {
        return topic.is_empty();
    }
    let (wanted, pattern_rest) = first_word(pattern);
    if is(wanted, b"#") && matches(pattern_rest, topic) {
        return true;
    }
    if topic.is_empty() {
        return false;
    }
    let (word, topic_rest) = first_word(topic);
    match wanted {
        b"#" => matches(pattern, topic_rest),
        _ => (is(wanted, b"*") || is(wanted, word)) && matches(pattern_rest, topic_rest),
    }
}

const fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    let mut end = 0;
    while end < text.len() && text[end] != b'.' {
        end += 1;
    }
    let (word, rest) = text.split_at(end);
    match rest {
        [_, rest @ ..] => (word, rest),
        [] => (word, rest),
    }
}

const fn is(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::topic::TopicPattern;

    proptest! {
        #[test]
        fn brings_what_the_pattern_matches(
            pattern in "(a|ab|\\*|#)(\\.(a|ab|\\*|#)){0,4}",
            topic in "(a|ab|b)(\\.(a|ab|b)){0,4}",
        ) {
            let matched = pattern.parse::<TopicPattern>().is_ok_and(|pattern| pattern.matches(&topic));
            prop_assert_eq!(brings(&pattern, Some(&topic)), matched);
        }
    }
}
