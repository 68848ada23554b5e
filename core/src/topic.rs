//! Topic patterns, as AMQP 0-9-1 §3.1.3.3 ("The Topic Exchange Type") has them.
//!
//! A topic is a number of words divided by dots. In a pattern `*` stands for exactly one word and `#` for
//! any number of words, also none: `*.stock.#` matches `usd.stock` and `eur.stock.db`, not `stock.nasdaq`.

use std::fmt;
use std::str::FromStr;

/// The longest topic or pattern in bytes: AMQP's short string.
pub const MAX_TOPIC_BYTES: usize = 255;

/// A parsed topic pattern.
///
/// ```
/// use celerysalt::topic::TopicPattern;
///
/// let pattern: TopicPattern = "order.#".parse()?;
/// assert!(pattern.matches("order"));
/// assert!(pattern.matches("order.paid.late"));
/// assert!(!pattern.matches("invoice.paid"));
/// # Ok::<(), celerysalt::topic::PatternError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TopicPattern {
    source: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Segment {
    Word(String),
    One,
    Any,
}

/// Why a text is not a topic pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// There is nothing in it.
    #[error("the topic pattern is empty; `#` subscribes to everything")]
    Empty,
    /// Two dots in a row, or a dot at an end.
    #[error("topic pattern `{pattern}` has an empty word; words are divided by single dots")]
    EmptyWord {
        /// The pattern.
        pattern: String,
    },
    /// A wildcard with other characters in one word.
    #[error(
        "topic pattern `{pattern}`: `{word}` mixes a wildcard with text; `*` and `#` stand for whole words"
    )]
    PartialWildcard {
        /// The pattern.
        pattern: String,
        /// The word.
        word: String,
    },
    /// Longer than a broker takes.
    #[error("the topic pattern has {bytes} bytes; at most {MAX_TOPIC_BYTES} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

impl TopicPattern {
    /// Whether a topic matches. Takes at most pattern words × topic words steps.
    pub fn matches(&self, topic: &str) -> bool {
        // The usual wildcard walk: on a mismatch only the last `#` takes one word more, for what an
        // earlier `#` could take as well makes no difference. So there is no exponential case.
        let words = || {
            (!topic.is_empty())
                .then(|| topic.split('.'))
                .into_iter()
                .flatten()
        };
        let mut rest = words().peekable();
        let mut at = 0;
        let mut resume = None;
        loop {
            match (self.segments.get(at), rest.peek()) {
                (None, None) => return true,
                (Some(Segment::Any), _) => {
                    at += 1;
                    resume = Some((at, rest.clone()));
                    continue;
                }
                (Some(Segment::One), Some(_)) => {}
                (Some(Segment::Word(expected)), Some(word)) if expected == word => {}
                _ => {
                    let Some((after, mut from)) = resume.take() else {
                        return false;
                    };
                    if from.next().is_none() {
                        return false;
                    }
                    resume = Some((after, from.clone()));
                    (at, rest) = (after, from);
                    continue;
                }
            }
            at += 1;
            rest.next();
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl FromStr for TopicPattern {
    type Err = PatternError;

    fn from_str(pattern: &str) -> Result<Self, PatternError> {
        if pattern.is_empty() {
            return Err(PatternError::Empty);
        }
        if pattern.len() > MAX_TOPIC_BYTES {
            return Err(PatternError::TooLong {
                bytes: pattern.len(),
            });
        }
        let segments = pattern
            .split('.')
            .map(|word| segment(pattern, word))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            source: pattern.to_owned(),
            segments,
        })
    }
}

fn segment(pattern: &str, word: &str) -> Result<Segment, PatternError> {
    match word {
        "" => Err(PatternError::EmptyWord {
            pattern: pattern.to_owned(),
        }),
        "*" => Ok(Segment::One),
        "#" => Ok(Segment::Any),
        word if word.contains(['*', '#']) => Err(PatternError::PartialWildcard {
            pattern: pattern.to_owned(),
            word: word.to_owned(),
        }),
        word => Ok(Segment::Word(word.to_owned())),
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, topic: &str) -> bool {
        pattern.parse::<TopicPattern>().unwrap().matches(topic)
    }

    #[test]
    fn the_examples_of_the_specification() {
        assert!(matches("*.stock.#", "usd.stock"));
        assert!(matches("*.stock.#", "eur.stock.db"));
        assert!(!matches("*.stock.#", "stock.nasdaq"));
    }

    #[test]
    fn a_hash_may_stand_for_no_word_and_a_star_may_not() {
        assert!(matches("#", ""));
        assert!(matches("order.#", "order"));
        assert!(matches("#.paid", "paid"));
        assert!(!matches("*", ""));
        assert!(!matches("order.*", "order"));
        assert!(matches("#.*", "order"));
        assert!(!matches("order.*", "order.paid.late"));
    }

    #[test]
    fn many_hashes_take_no_exponential_time() {
        let pattern = format!("{}a", "#.".repeat(100));
        let topic = vec!["b"; 100].join(".");
        assert!(!matches(&pattern, &topic));
        assert!(matches(&pattern, &format!("{topic}.a")));
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        let parse = |text: &str| text.parse::<TopicPattern>().unwrap_err();
        assert_eq!(parse(""), PatternError::Empty);
        assert!(matches!(
            parse("order..paid"),
            PatternError::EmptyWord { .. }
        ));
        assert!(matches!(parse(".paid"), PatternError::EmptyWord { .. }));
        assert!(
            matches!(parse("order.pa*"), PatternError::PartialWildcard { word, .. } if word == "pa*")
        );
        assert_eq!(
            parse(&"a".repeat(256)),
            PatternError::TooLong { bytes: 256 }
        );
    }

    /// The definition, word by word.
    fn naive(pattern: &[&str], topic: &[&str]) -> bool {
        match (pattern.split_first(), topic.split_first()) {
            (None, None) => true,
            (Some((&"#", rest)), _) => {
                naive(rest, topic) || (!topic.is_empty() && naive(pattern, &topic[1..]))
            }
            (Some((&"*", rest)), Some((_, tail))) => naive(rest, tail),
            (Some((word, rest)), Some((head, tail))) => word == head && naive(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            pattern in prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "#"]), 1..7),
            topic in prop::collection::vec(prop::sample::select(vec!["a", "b"]), 0..7),
        ) {
            prop_assert_eq!(
                matches(&pattern.join("."), &topic.join(".")),
                naive(&pattern, &topic)
            );
        }
    }
}
