//! What the macros' arguments have in common.

use proc_macro2::Span;
use quote::quote;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Ident, Lit, LitStr, Path, Result, Token, Type};

/// Reads `"topic", key = value, …`; `argument` takes the value of each key and says whether it knows the key.
/// An unknown key's error lists `known`.
pub(crate) fn parse(
    input: ParseStream<'_>,
    known: &[&str],
    mut argument: impl FnMut(&Ident, ParseStream<'_>) -> Result<()>,
) -> Result<LitStr> {
    let topic = topic(input)?;
    let mut seen: Vec<Ident> = Vec::new();
    while !input.is_empty() {
        input.parse::<Token![,]>()?;
        if input.is_empty() {
            break;
        }
        let key = input.call(Ident::parse_any).map_err(|error| {
            let text = format!(
                "arguments after the topic have names, as in `{} = …`",
                known[0]
            );
            Error::new(error.span(), text)
        })?;
        if !known.iter().any(|name| key == name) {
            let known = known.join("`, `");
            return Err(Error::new(
                key.span(),
                format!("unknown argument `{key}`; there are `{known}`"),
            ));
        }
        if seen.contains(&key) {
            return Err(Error::new(key.span(), format!("`{key}` is given twice")));
        }
        input.parse::<Token![=]>()?;
        argument(&key, input)?;
        seen.push(key);
    }
    Ok(topic)
}

fn topic(input: ParseStream<'_>) -> Result<LitStr> {
    if input.is_empty() {
        let text = "the topic is missing: write it first, as in `(\"order.paid\")`";
        return Err(Error::new(input.span(), text));
    }
    input.parse().map_err(|error| {
        Error::new(
            error.span(),
            "expected the topic as a string first, as in `\"order.paid\"`",
        )
    })
}

/// Checks a topic: dotted words, no wildcards.
pub(crate) fn check_topic(topic: &LitStr) -> Result<()> {
    check_words(topic, |word| match word {
        "*" | "#" => {
            Err("a topic has no wildcards; they belong into the pattern of `#[subscribe]`".into())
        }
        _ => Ok(false),
    })
}

/// Checks a topic pattern: dotted words, `*` for one and `#` for any number.
pub(crate) fn check_pattern(pattern: &LitStr) -> Result<()> {
    check_words(pattern, |word| match word {
        "*" | "#" => Ok(true),
        _ if word.contains(['*', '#']) => Err(format!(
            "in `{word}` the wildcard is only a part of the word; `*` and `#` stand alone between dots"
        )),
        _ => Ok(false),
    })
}

/// Checks each word; `special` may accept (true), refuse, or leave it to the ordinary rule (false).
fn check_words(
    topic: &LitStr,
    special: impl Fn(&str) -> std::result::Result<bool, String>,
) -> Result<()> {
    let text = topic.value();
    let check = |word: &str| match special(word)? {
        true => Ok(()),
        false => check_word(word),
    };
    let checked = match text.len() {
        0 => Err("the topic is empty; write dotted words, as in `order.paid`".to_owned()),
        256.. => Err(
            "the topic is longer than 255 bytes, the most that a routing key may have".to_owned(),
        ),
        _ => text.split('.').try_for_each(check),
    };
    checked.map_err(|reason| Error::new(topic.span(), reason))
}

fn check_word(word: &str) -> std::result::Result<(), String> {
    if word.is_empty() {
        return Err("a word of the topic is empty; write words with one dot between each two, as in `order.paid`".into());
    }
    let ordinary = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match word.chars().find(|&c| !ordinary(c)) {
        Some(c) => Err(format!(
            "`{c}` in a topic; its words have letters, digits, `_` and `-`"
        )),
        None => Ok(()),
    }
}

/// The number of a version `v1`, `v2`, ….
pub(crate) fn version_number(version: &LitStr) -> Result<u32> {
    let text = version.value();
    let digits = text
        .strip_prefix('v')
        .filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|d| d.parse().ok()).ok_or_else(|| {
        Error::new(
            version.span(),
            format!("`{text}` is no version; write `v` and a number, as in `v1`"),
        )
    })
}

/// A string that must not be empty.
pub(crate) fn text(input: ParseStream<'_>, key: &Ident, example: &str) -> Result<LitStr> {
    let wrong = |span: Span| {
        Error::new(
            span,
            format!("`{key}` is a string, as in `{key} = \"{example}\"`"),
        )
    };
    let lit: Lit = input.parse().map_err(|e| wrong(e.span()))?;
    match lit {
        Lit::Str(text) if !text.value().is_empty() => Ok(text),
        other => Err(wrong(other.span())),
    }
}

/// A type, which must not stand in quotes.
pub(crate) fn ty(input: ParseStream<'_>, key: &Ident) -> Result<Type> {
    if input.peek(Lit) {
        let text = format!("`{key}` is a type, without quotes, as in `{key} = TheType`");
        return Err(Error::new(input.span(), text));
    }
    input.parse()
}

/// A list `[A, B]` or `(A, B)`, or one alone.
pub(crate) fn list<T: Parse>(input: ParseStream<'_>) -> Result<Vec<T>> {
    let content;
    if input.peek(syn::token::Bracket) {
        syn::bracketed!(content in input);
    } else if input.peek(syn::token::Paren) {
        syn::parenthesized!(content in input);
    } else {
        return Ok(vec![input.parse()?]);
    }
    Ok(Punctuated::<T, Token![,]>::parse_terminated(&content)?
        .into_iter()
        .collect())
}

/// Where `celerysalt` is: `::celerysalt` unless told.
pub(crate) fn crate_path(given: Option<Path>) -> Path {
    given.unwrap_or_else(|| syn::parse_quote!(::celerysalt))
}

/// The macro's own words, but errors about them are marked at this place. (With the place's own span lints
/// would take them for the user's words.)
pub(crate) fn shown_at(place: Span) -> Span {
    Span::call_site().located_at(place)
}

/// A path as the text that `#[serde(crate = "…")]` wants.
pub(crate) fn path_text(path: &Path) -> String {
    quote!(#path).to_string().replace(' ', "")
}

/// The `#[cfg]`s of an item, for what is made beside it.
pub(crate) fn cfgs(attrs: &[Attribute]) -> Vec<&Attribute> {
    attrs.iter().filter(|a| a.path().is_ident("cfg")).collect()
}
