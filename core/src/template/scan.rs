//! Reads a string of event data: where its expressions are, and the tokens inside them.
//!
//! The grammar of an expression is minijinja's; these tokens only say where an expression ends and
//! which names it mentions, which minijinja itself does not tell reliably.

use super::error::TemplateErrorKind as Kind;
use super::limits;

/// A piece of a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'s> {
    /// Text as it stands.
    Text(&'s str),
    /// What stands between `{{` and `}}`, and its tokens.
    Expression(&'s str, Vec<Token<'s>>),
}

/// A token of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'s> {
    /// A name or keyword.
    Ident(&'s str),
    /// A number, or the digits of one.
    Number(&'s str),
    /// What stands between the quotes of a string, escapes unread.
    Text(&'s str),
    /// An operator or bracket.
    Punct(&'s str),
}

/// Splits a string into text and expressions.
///
/// # Errors
/// An expression that does not end, and the parts of the template language that event data has not.
pub(super) fn pieces(source: &str) -> Result<Vec<Piece<'_>>, Kind> {
    let mut pieces = Vec::new();
    let mut rest = source;
    while let Some(start) = rest.find("{{") {
        push_text(&mut pieces, &rest[..start])?;
        let inside = &rest[start + 2..];
        if inside.starts_with(['-', '+']) {
            return Err(Kind::WhitespaceControl);
        }
        let (tokens, length) = tokens(inside)?;
        if tokens.is_empty() {
            return Err(Kind::EmptyExpression);
        }
        pieces.push(Piece::Expression(inside[..length].trim(), tokens));
        rest = &inside[length + 2..];
    }
    push_text(&mut pieces, rest)?;
    Ok(pieces)
}

fn push_text<'s>(pieces: &mut Vec<Piece<'s>>, text: &'s str) -> Result<(), Kind> {
    if text.contains("{%") {
        return Err(Kind::Block);
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(())
}

/// The tokens up to the closing `}}`, and where that stands.
fn tokens(source: &str) -> Result<(Vec<Token<'_>>, usize), Kind> {
    let mut tokens = Vec::new();
    let mut open: Vec<char> = Vec::new();
    let mut at = 0;
    while let Some(c) = source[at..].chars().next() {
        let rest = &source[at..];
        if open.is_empty() && rest.starts_with("}}") {
            return Ok((tokens, at));
        }
        let length = match c {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '"' | '\'' => string_length(rest).ok_or(Kind::Unclosed)?,
            c if c == '_' || c.is_alphanumeric() => word_length(rest),
            _ => punct_length(rest),
        };
        let text = &rest[..length];
        tokens.push(token(c, text));
        track_brackets(&mut open, c)?;
        at += length;
    }
    Err(Kind::Unclosed)
}

fn token(first: char, text: &str) -> Token<'_> {
    match first {
        '"' | '\'' => Token::Text(&text[1..text.len() - 1]),
        '0'..='9' => Token::Number(text),
        c if c == '_' || c.is_alphabetic() => Token::Ident(text),
        _ => Token::Punct(text),
    }
}

fn track_brackets(open: &mut Vec<char>, c: char) -> Result<(), Kind> {
    match c {
        '(' => open.push(')'),
        '[' => open.push(']'),
        '{' => open.push('}'),
        ')' | ']' | '}' if open.pop() != Some(c) => return Err(Kind::Brackets),
        _ => {}
    }
    if open.len() > limits::BRACKETS {
        return Err(Kind::BracketsTooDeep);
    }
    Ok(())
}

/// The length of a quoted string with its quotes; `None` when it does not end.
fn string_length(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices();
    let (_, quote) = chars.next()?;
    let mut escaped = false;
    for (i, c) in chars {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(i + c.len_utf8()),
            _ => {}
        }
    }
    None
}

fn word_length(rest: &str) -> usize {
    rest.find(|c: char| c != '_' && !c.is_alphanumeric())
        .unwrap_or(rest.len())
}

fn punct_length(rest: &str) -> usize {
    const LONG: [&str; 6] = ["==", "!=", "<=", ">=", "//", "**"];
    match LONG.iter().find(|op| rest.starts_with(**op)) {
        Some(op) => op.len(),
        None => rest.chars().next().map_or(0, char::len_utf8),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn expressions(source: &str) -> Vec<&str> {
        pieces(source)
            .unwrap()
            .into_iter()
            .filter_map(|p| match p {
                Piece::Expression(e, _) => Some(e),
                Piece::Text(_) => None,
            })
            .collect()
    }

    #[test]
    fn text_and_expressions_are_told_apart() {
        let pieces = pieces("a {{ id }}-{{x}} b").unwrap();
        assert_eq!(
            pieces,
            [
                Piece::Text("a "),
                Piece::Expression("id", vec![Token::Ident("id")]),
                Piece::Text("-"),
                Piece::Expression("x", vec![Token::Ident("x")]),
                Piece::Text(" b"),
            ]
        );
    }

    #[test]
    fn braces_inside_strings_and_maps_do_not_end_an_expression() {
        assert_eq!(expressions(r#"{{ "{{" }}"#), [r#""{{""#]);
        assert_eq!(expressions(r#"{{ "}}" ~ '\'}}' }}"#), [r#""}}" ~ '\'}}'"#]);
        assert_eq!(
            expressions(r#"{{ {"a": {"b": 1}} }}"#),
            [r#"{"a": {"b": 1}}"#]
        );
        assert_eq!(
            expressions(r#"{{{"a": {"b": 1}}}}"#),
            [r#"{"a": {"b": 1}}"#]
        );
        assert_eq!(expressions(r#"{{ "{%" }}"#), [r#""{%""#]);
    }

    #[test]
    fn what_does_not_end_is_an_error() {
        for wrong in ["{{ id", "{{ id }", "{{ 'a }}", "a {{", "{{ [1"] {
            assert!(pieces(wrong).is_err(), "{wrong}");
        }
        assert_eq!(pieces("{{ (1 }}"), Err(Kind::Brackets));
        assert_eq!(pieces("{{ }}"), Err(Kind::EmptyExpression));
        assert_eq!(pieces("{{- id }}"), Err(Kind::WhitespaceControl));
        assert_eq!(pieces("{% if x %}{{ id }}{% endif %}"), Err(Kind::Block));
        assert_eq!(pieces("{{ id }} {% raw %}"), Err(Kind::Block));
    }

    #[test]
    fn words_of_every_alphabet_are_names() {
        let Piece::Expression(_, tokens) = &pieces("{{ größe.x_1 >= 10 }}").unwrap()[0] else {
            panic!("not an expression");
        };
        let expected = [
            Token::Ident("größe"),
            Token::Punct("."),
            Token::Ident("x_1"),
            Token::Punct(">="),
            Token::Number("10"),
        ];
        assert_eq!(tokens, &expected);
    }
}
