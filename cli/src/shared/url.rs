//! URLs of servers, which may hold passwords.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::failure::Failure;

/// A server's URL. It is shown nowhere.
#[derive(Clone)]
pub(crate) struct Url(String);

impl Url {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Url {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a URL)")
    }
}

/// The URL that the command line or the environment gives; an empty one is none.
pub(crate) fn given(url: Option<&Url>) -> Option<&str> {
    url.map(Url::as_str).filter(|url| !url.is_empty())
}

/// As [`given`], for a server that the command cannot do without.
///
/// # Errors
/// [`Failure::NoUrl`].
pub(crate) fn needed<'u>(
    url: Option<&'u Url>,
    option: &'static str,
    variable: &'static str,
) -> Result<&'u str, Failure> {
    given(url).ok_or(Failure::NoUrl { option, variable })
}

/// The text without the users and passwords of URLs in it: for words of the command line that are shown again.
pub(crate) fn scrubbed(text: &str) -> String {
    let mut parts = text.split("://");
    let mut scrubbed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let address = part
            .split([' ', '\'', '"', '\n'])
            .next()
            .unwrap_or_default();
        let shown = address.rfind('@').map_or(0, |at| at);
        scrubbed.push_str("://");
        if shown > 0 {
            scrubbed.push('…');
        }
        scrubbed.push_str(&part[shown..]);
    }
    scrubbed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let url: Url = "amqp://u:secret@h".parse().unwrap_or_else(|e| match e {});
        assert!(!format!("{url:?}").contains("secret"));
        for (text, expected) in [
            (
                "unexpected 'amqp://u:s@c@h/v' found",
                "unexpected 'amqp://…@h/v' found",
            ),
            ("redis://:p@h and pg://a:b@c", "redis://…@h and pg://…@c"),
            (
                "see https://example.org for a@b",
                "see https://example.org for a@b",
            ),
            ("nothing", "nothing"),
        ] {
            assert_eq!(scrubbed(text), expected);
        }
    }
}
