//! The names in an expression, and whether the model has them.

use super::error::TemplateErrorKind as Kind;
use super::scan::Token;
use crate::model::ModelDef;
use crate::names;
use crate::rules::RULE_KEYS;
use crate::value::FieldType;

/// Functions that an expression may call.
pub(super) const FUNCTIONS: [&str; 2] = ["range", "dict"];

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Root {
    /// The field at this position of the new row, by its bare name.
    Bare(usize),
    /// The same, by `new.name`.
    New(usize),
    /// The field at this position of the old row.
    Old(usize),
    /// A key of the rule.
    Rule(&'static str),
    /// The time of the firing.
    Now,
}

/// A step into JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A key of an object.
    Key(String),
    /// A position in an array; from the end when negative.
    Index(i64),
}

/// A name in an expression that the model has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// As it was written, up to the field: `old.amount`.
    pub(super) name: String,
    /// Where the value comes from.
    pub(super) root: Root,
    /// The path into it.
    pub(super) steps: Vec<Step>,
    /// The tokens it covers.
    pub(super) tokens: std::ops::Range<usize>,
}

impl Reference {
    /// The type of the field, without the path into it; `None` for `rule.*`.
    pub(super) fn ty<'m>(&self, model: &'m ModelDef) -> Option<&'m FieldType> {
        match self.root {
            Root::Bare(i) | Root::New(i) | Root::Old(i) => model.fields().get(i).map(|f| &f.ty),
            Root::Rule(_) => None,
            Root::Now => Some(&FieldType::DateTime),
        }
    }

    /// `a decimal` or `an instant`, when the value must not be calculated with.
    pub(super) fn exact(&self, model: &ModelDef) -> Option<&'static str> {
        match self.ty(model) {
            Some(FieldType::Decimal) => Some("a decimal"),
            Some(FieldType::DateTime) => Some("an instant"),
            _ => None,
        }
    }
}

/// Every reference of an expression, in order.
///
/// # Errors
/// The first name that the model, `rule`, or the functions do not have.
pub(super) fn references(tokens: &[Token<'_>], model: &ModelDef) -> Result<Vec<Reference>, Kind> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match variable(tokens, at) {
            Some(name) if is_function(tokens, at, name, model) => at += 1,
            Some(name) => {
                let reference = resolve(tokens, at, name, model)?;
                at = reference.tokens.end;
                found.push(reference);
            }
            None => at += 1,
        }
    }
    Ok(found)
}

/// The variable at this token, unless it is a keyword, attribute, filter, test or argument name.
fn variable<'s>(tokens: &[Token<'s>], at: usize) -> Option<&'s str> {
    let Token::Ident(name) = tokens[at] else {
        return None;
    };
    let keyword = matches!(
        name,
        "and"
            | "or"
            | "not"
            | "in"
            | "is"
            | "if"
            | "else"
            | "true"
            | "True"
            | "false"
            | "False"
            | "none"
            | "None"
    );
    let before = at.checked_sub(1).map(|i| tokens[i]);
    let attached = matches!(before, Some(Token::Punct("." | "|")));
    let argument = tokens.get(at + 1) == Some(&Token::Punct("="));
    (!keyword && !attached && !argument && test_name(tokens, at).is_none()).then_some(name)
}

/// The name of the test at this token: what follows `is` or `is not`.
pub(super) fn test_name<'s>(tokens: &[Token<'s>], at: usize) -> Option<&'s str> {
    let Token::Ident(name) = tokens[at] else {
        return None;
    };
    let mut before = tokens[..at].iter().rev();
    let follows = match before.next() {
        Some(Token::Ident("is")) => name != "not",
        Some(Token::Ident("not")) => before.next() == Some(&Token::Ident("is")),
        _ => false,
    };
    follows.then_some(name)
}

fn is_function(tokens: &[Token<'_>], at: usize, name: &str, model: &ModelDef) -> bool {
    FUNCTIONS.contains(&name)
        && tokens.get(at + 1) == Some(&Token::Punct("("))
        && model.field(name).is_none()
}

fn resolve(
    tokens: &[Token<'_>],
    at: usize,
    base: &str,
    model: &ModelDef,
) -> Result<Reference, Kind> {
    let (mut steps, end) = path(tokens, at + 1);
    if tokens.get(end) == Some(&Token::Punct("(")) {
        let name = written(base, &steps);
        return Err(Kind::Call { name });
    }
    let (name, root) = root(base, &mut steps, model)?;
    let reference = Reference {
        name,
        root,
        steps,
        tokens: at..end,
    };
    check_type(&reference, model)?;
    Ok(reference)
}

/// The path behind a name: `.key`, `.0`, `["key"]`, `[0]`, `[-1]`; and where it ends.
fn path(tokens: &[Token<'_>], mut at: usize) -> (Vec<Step>, usize) {
    let mut steps = Vec::new();
    loop {
        let (step, length) = match &tokens[at.min(tokens.len())..] {
            [Token::Punct("."), Token::Ident(key), ..] => (Some(Step::Key((*key).to_owned())), 2),
            [Token::Punct("."), Token::Number(n), ..] => (index(n, 1), 2),
            [Token::Punct("["), Token::Text(key), Token::Punct("]"), ..] if !key.contains('\\') => {
                (Some(Step::Key((*key).to_owned())), 3)
            }
            [Token::Punct("["), Token::Number(n), Token::Punct("]"), ..] => (index(n, 1), 3),
            [
                Token::Punct("["),
                Token::Punct("-"),
                Token::Number(n),
                Token::Punct("]"),
                ..,
            ] => (index(n, -1), 4),
            _ => return (steps, at),
        };
        let Some(step) = step else {
            return (steps, at);
        };
        steps.push(step);
        at += length;
    }
}

fn index(digits: &str, sign: i64) -> Option<Step> {
    digits.parse().ok().map(|n: i64| Step::Index(n * sign))
}

/// Takes off the steps that lead to the field (or key of the rule).
fn root(base: &str, steps: &mut Vec<Step>, model: &ModelDef) -> Result<(String, Root), Kind> {
    match base {
        "now" => Ok((base.to_owned(), Root::Now)),
        "old" | "new" => {
            let name = take_key(base, steps, || example(model))?;
            let full = format!("{base}.{name}");
            let (i, _) = model
                .field(&name)
                .ok_or_else(|| unknown(&full, &name, &field_names(model)))?;
            Ok((
                full,
                if base == "old" {
                    Root::Old(i)
                } else {
                    Root::New(i)
                },
            ))
        }
        "rule" => {
            let name = take_key(base, steps, || "id".to_owned())?;
            let full = format!("{base}.{name}");
            let key = RULE_KEYS.iter().find(|k| **k == name);
            let key = key.ok_or_else(|| unknown(&full, &name, &RULE_KEYS))?;
            Ok((full, Root::Rule(key)))
        }
        _ => {
            let mut names = field_names(model);
            names.extend(["old", "new", "rule", "now"]);
            let (i, _) = model
                .field(base)
                .ok_or_else(|| unknown(base, base, &names))?;
            Ok((base.to_owned(), Root::Bare(i)))
        }
    }
}

fn take_key(
    base: &str,
    steps: &mut Vec<Step>,
    example: impl Fn() -> String,
) -> Result<String, Kind> {
    match steps.first() {
        Some(Step::Key(_)) => {}
        _ => {
            return Err(Kind::RootAlone {
                root: base.to_owned(),
                example: example(),
            });
        }
    }
    match steps.remove(0) {
        Step::Key(name) => Ok(name),
        Step::Index(n) => Ok(n.to_string()),
    }
}

fn example(model: &ModelDef) -> String {
    model
        .fields()
        .first()
        .map_or_else(|| "id".to_owned(), |f| f.name.clone())
}

fn field_names(model: &ModelDef) -> Vec<&str> {
    model.fields().iter().map(|f| f.name.as_str()).collect()
}

fn unknown(written: &str, name: &str, candidates: &[&str]) -> Kind {
    Kind::UnknownField {
        name: written.to_owned(),
        remedy: names::remedy(name, candidates.iter().copied()),
    }
}

fn written(base: &str, steps: &[Step]) -> String {
    steps.iter().fold(base.to_owned(), |path, step| match step {
        Step::Key(key) => format!("{path}.{key}"),
        Step::Index(n) => format!("{path}[{n}]"),
    })
}

/// Only JSON has parts, and a text has letters.
fn check_type(reference: &Reference, model: &ModelDef) -> Result<(), Kind> {
    let name = || reference.name.clone();
    match (reference.ty(model), reference.steps.as_slice()) {
        (Some(FieldType::Unsupported(ty)), _) => Err(Kind::Unsupported {
            name: name(),
            ty: ty.clone(),
        }),
        (None | Some(FieldType::Json), _) | (_, []) => Ok(()),
        (Some(FieldType::Text | FieldType::Enum(_)), [Step::Index(_)]) => Ok(()),
        (Some(ty), _) => Err(Kind::NoParts {
            name: name(),
            ty: ty.described(),
        }),
    }
}
