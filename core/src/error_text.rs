//! The text of an error and of all its sources.

use std::error::Error;

/// `error: its source: that one's source`; a source whose text the line already ends with is not repeated.
pub(crate) fn chain_text(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Step {
        text: &'static str,
        source: Option<Box<Step>>,
    }

    fn chain(texts: &[&'static str]) -> Step {
        Step {
            text: texts[0],
            source: (texts.len() > 1).then(|| Box::new(chain(&texts[1..]))),
        }
    }

    #[test]
    fn sources_follow_in_order() {
        let error = chain(&["save failed", "connection lost", "broken pipe"]);
        assert_eq!(
            chain_text(&error),
            "save failed: connection lost: broken pipe"
        );
    }

    #[test]
    fn a_source_that_the_text_already_shows_is_not_repeated() {
        let error = chain(&["save failed: broken pipe", "broken pipe"]);
        assert_eq!(chain_text(&error), "save failed: broken pipe");
    }
}
