//! The values of Celery's options, checked where they are written.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::{Error, Ident, Lit, LitInt, Result, Token};

/// A length of time.
pub(super) struct Seconds(pub(super) Duration);

impl Seconds {
    pub(super) fn tokens(&self) -> TokenStream {
        let (seconds, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        quote!(::core::time::Duration::new(#seconds, #nanos))
    }
}

/// So many starts in so many seconds.
#[derive(Debug, PartialEq)]
pub(super) struct Rate {
    pub(super) count: f64,
    pub(super) per: u64,
}

/// `5`, or `none` for no bound.
pub(super) fn count_or_none(input: ParseStream<'_>, key: &Ident) -> Result<Option<u32>> {
    let wrong = |span: Span| {
        Error::new(
            span,
            format!("`{key}` is a whole number, or `none` for no bound"),
        )
    };
    if input.peek(Ident::peek_any) {
        let word = input.call(Ident::parse_any)?;
        let none = word == "none" || word == "None";
        return if none {
            Ok(None)
        } else {
            Err(wrong(word.span()))
        };
    }
    let number: LitInt = input.parse().map_err(|e| wrong(e.span()))?;
    number
        .base10_parse()
        .map(Some)
        .map_err(|_| wrong(number.span()))
}

/// `true` (a factor of 1), a factor, or `false`.
pub(super) fn factor(input: ParseStream<'_>, key: &Ident) -> Result<Option<u32>> {
    let wrong = |span: Span| {
        Error::new(
            span,
            format!("`{key}` is `true`, `false`, or the factor in whole seconds"),
        )
    };
    match input.parse().map_err(|e: Error| wrong(e.span()))? {
        Lit::Bool(flag) => Ok(flag.value.then_some(1)),
        Lit::Int(number) => {
            let factor: u32 = number.base10_parse().map_err(|_| wrong(number.span()))?;
            Ok((factor > 0).then_some(factor))
        }
        other => Err(wrong(other.span())),
    }
}

/// Seconds, whole or not: `30`, `0.5`.
pub(super) fn seconds(input: ParseStream<'_>, key: &Ident) -> Result<Seconds> {
    let wrong = |span: Span| {
        Error::new(
            span,
            format!("`{key}` is a number of seconds, as in `{key} = 30` or `{key} = 0.5`"),
        )
    };
    if input.peek(Token![-]) {
        return Err(wrong(input.span()));
    }
    let lit: Lit = input.parse().map_err(|e| wrong(e.span()))?;
    let seconds = match &lit {
        Lit::Int(number) => number.base10_parse().ok().map(Duration::from_secs),
        Lit::Float(number) => {
            let seconds = number.base10_parse().ok();
            seconds.and_then(|s| Duration::try_from_secs_f64(s).ok())
        }
        _ => None,
    };
    seconds.map(Seconds).ok_or_else(|| wrong(lit.span()))
}

/// A time limit: seconds, more than none.
pub(super) fn limit(input: ParseStream<'_>, key: &Ident) -> Result<Seconds> {
    let span = input.span();
    let seconds = seconds(input, key)?;
    if seconds.0.is_zero() {
        let text = format!("`{key}` is more than 0; leave it out for no limit");
        return Err(Error::new(span, text));
    }
    Ok(seconds)
}

/// 0 to 255; a queue of Celery's mesh knows up to 10.
pub(super) fn priority(input: ParseStream<'_>, key: &Ident) -> Result<u8> {
    let wrong =
        |span: Span| Error::new(span, format!("`{key}` is a number from 0 (lowest) to 255"));
    let number: LitInt = input.parse().map_err(|e| wrong(e.span()))?;
    number.base10_parse().map_err(|_| wrong(number.span()))
}

/// `"100/m"`, `"10/s"`, `"5/h"`, or a bare number a second.
pub(super) fn rate(input: ParseStream<'_>, key: &Ident) -> Result<Rate> {
    let wrong = |span: Span| {
        let text = "is a number of starts a second, minute or hour, more than 0, as in `\"10/s\"`, `\"100/m\"`, `\"5/h\"`";
        Error::new(span, format!("`{key}` {text}"))
    };
    let lit: Lit = input.parse().map_err(|e| wrong(e.span()))?;
    let rate = match &lit {
        Lit::Str(text) => parse_rate(&text.value()),
        Lit::Int(number) => parse_rate(number.base10_digits()),
        Lit::Float(number) => parse_rate(number.base10_digits()),
        _ => None,
    };
    rate.ok_or_else(|| wrong(lit.span()))
}

fn parse_rate(text: &str) -> Option<Rate> {
    let (count, unit) = text.split_once('/').unwrap_or((text, "s"));
    let plain = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let count: f64 = plain.then(|| count.parse().ok()).flatten()?;
    let per = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    (count > 0.0 && count.is_finite()).then_some(Rate { count, per })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_celerys() {
        let rate = |count, per| Some(Rate { count, per });
        assert_eq!(parse_rate("100/m"), rate(100.0, 60));
        assert_eq!(parse_rate("10/s"), rate(10.0, 1));
        assert_eq!(parse_rate("5/h"), rate(5.0, 3600));
        assert_eq!(parse_rate("2"), rate(2.0, 1));
        assert_eq!(parse_rate("0.5/s"), rate(0.5, 1));
        for wrong in [
            "", "/m", "0/s", "-1/s", "10/d", "10/", "ten/m", "1e400", "inf", "NaN/s", "1/s/m", ".",
        ] {
            assert_eq!(parse_rate(wrong), None, "{wrong}");
        }
    }
}
