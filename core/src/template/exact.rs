//! Refuses arithmetic and comparison on decimals and instants.
//!
//! The template engine knows neither: it would compare them by kind, silently wrong, or need a float
//! in between. So an expression that tries is an error when the rule is checked. The check errs on
//! the strict side: whatever stands in an operand counts as operated on.

use super::error::TemplateErrorKind as Kind;
use super::refs::{self, Reference};
use super::scan::Token;
use crate::model::ModelDef;

const OPERATORS: [&str; 13] = [
    "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "//", "%", "**",
];

/// What ends an operand besides operators and brackets.
const ENDS: [&str; 4] = ["~", ",", ":", "="];

const WORDS: [&str; 7] = ["and", "or", "not", "if", "else", "in", "is"];

/// Tests that compare.
const TESTS: [&str; 22] = [
    "eq",
    "equalto",
    "==",
    "ne",
    "!=",
    "lt",
    "lessthan",
    "<",
    "le",
    "<=",
    "gt",
    "greaterthan",
    ">",
    "ge",
    ">=",
    "in",
    "sameas",
    "divisibleby",
    "odd",
    "even",
    "startingwith",
    "endingwith",
];

/// Filters that calculate or compare.
const FILTERS: [&str; 16] = [
    "abs",
    "dictsort",
    "float",
    "format",
    "groupby",
    "int",
    "max",
    "min",
    "reject",
    "rejectattr",
    "round",
    "select",
    "selectattr",
    "sort",
    "sum",
    "unique",
];

/// Checks every operator, test and filter of an expression.
///
/// # Errors
/// The first that would touch a decimal or an instant.
pub(super) fn check(
    tokens: &[Token<'_>],
    references: &[Reference],
    model: &ModelDef,
) -> Result<(), Kind> {
    let exact: Vec<_> = references
        .iter()
        .filter(|r| r.exact(model).is_some())
        .collect();
    if exact.is_empty() {
        return Ok(());
    }
    for at in 0..tokens.len() {
        let Some((operator, touched)) = operation(tokens, at) else {
            continue;
        };
        let hit = exact
            .iter()
            .find(|r| touched.iter().any(|span| span.contains(&r.tokens.start)));
        if let Some((reference, ty)) = hit.and_then(|r| Some((r, r.exact(model)?))) {
            let field = reference.name.clone();
            return Err(Kind::Inexact {
                operator: operator.to_owned(),
                field,
                ty,
            });
        }
    }
    Ok(())
}

type Span = std::ops::Range<usize>;

/// The operation at this token and the tokens of its operands.
fn operation<'s>(tokens: &[Token<'s>], at: usize) -> Option<(&'s str, Vec<Span>)> {
    match tokens[at] {
        Token::Ident(name) if refs::test_name(tokens, at).is_some() => {
            let operands = || vec![left(tokens, is_before(tokens, at)), right(tokens, at)];
            TESTS.contains(&name).then(|| (name, operands()))
        }
        Token::Ident(name) if at > 0 && tokens[at - 1] == Token::Punct("|") => {
            let everything: Span = 0..tokens.len();
            FILTERS.contains(&name).then(|| (name, vec![everything]))
        }
        Token::Ident("in") => Some(("in", vec![left(tokens, at), right(tokens, at)])),
        Token::Punct(op) if OPERATORS.contains(&op) => {
            Some((op, vec![left(tokens, at), right(tokens, at)]))
        }
        _ => None,
    }
}

/// The `is` of the test at this token.
fn is_before(tokens: &[Token<'_>], at: usize) -> usize {
    let is = tokens[..at].iter().rposition(|t| *t == Token::Ident("is"));
    is.unwrap_or(at)
}

fn left(tokens: &[Token<'_>], operator: usize) -> Span {
    let length = operand(
        tokens[..operator].iter().rev(),
        [")", "]", "}"],
        ["(", "[", "{"],
    );
    operator - length..operator
}

fn right(tokens: &[Token<'_>], operator: usize) -> Span {
    let start = operator + 1;
    start..start + operand(tokens[start..].iter(), ["(", "[", "{"], [")", "]", "}"])
}

/// The number of tokens up to the operand's end.
fn operand<'t>(
    tokens: impl Iterator<Item = &'t Token<'t>>,
    opening: [&str; 3],
    closing: [&str; 3],
) -> usize {
    let mut depth = 0_usize;
    let mut length = 0;
    for token in tokens {
        match token {
            Token::Punct(p) if opening.contains(p) => depth += 1,
            Token::Punct(p) if closing.contains(p) && depth == 0 => break,
            Token::Punct(p) if closing.contains(p) => depth -= 1,
            // A sign in front belongs to the operand.
            Token::Punct("-") if depth == 0 && length == 0 => {}
            Token::Punct(p) if depth == 0 && (OPERATORS.contains(p) || ENDS.contains(p)) => break,
            Token::Ident(word) if depth == 0 && WORDS.contains(word) => break,
            _ => {}
        }
        length += 1;
    }
    length
}
