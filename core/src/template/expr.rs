//! One expression: a field as it stands, or something to compute.

use std::fmt;

use minijinja::{Expression, Value as Jinja};
use serde_json::Value as Json;

use super::error::{RenderErrorKind, TemplateErrorKind as Kind};
use super::refs::{Reference, Root, Step};
use super::scan::Token;
use super::{RenderContext, engine, exact, limits, refs, values};
use crate::model::ModelDef;
use crate::names;
use crate::value::Value;

/// A compiled expression.
#[derive(Debug)]
pub(super) enum Expr {
    /// A field, or a path into one: rendered without the template engine.
    Field(Reference),
    /// Anything else.
    Computed(Computed),
}

/// An expression for the template engine, and the names that it needs.
pub(super) struct Computed {
    source: String,
    expression: Expression<'static, 'static>,
    references: Vec<Reference>,
}

impl Expr {
    /// Compiles one of so many expressions of a template.
    ///
    /// # Errors
    /// Wrong syntax, an unknown name, or a calculation that would not be exact.
    pub(super) fn compile(
        source: &str,
        tokens: &[Token<'_>],
        among: usize,
        model: &ModelDef,
    ) -> Result<Expr, Kind> {
        if tokens.len() > limits::TOKENS {
            let found = tokens.len();
            return Err(Kind::ExpressionTooLong { found });
        }
        check_names(tokens)?;
        let mut references = refs::references(tokens, model)?;
        if let [only] = references.as_slice()
            && only.tokens == (0..tokens.len())
        {
            return Ok(Expr::Field(references.remove(0)));
        }
        let expression = engine::compile(source, among).map_err(|e| syntax(source, &e))?;
        exact::check(tokens, &references, model)?;
        let source = source.to_owned();
        Ok(Expr::Computed(Computed {
            source,
            expression,
            references,
        }))
    }

    /// The value as JSON.
    ///
    /// # Errors
    /// A failing expression, or a value that JSON does not have.
    pub(super) fn json(&self, cx: &RenderContext<'_>) -> Result<Json, RenderErrorKind> {
        match self {
            Expr::Field(reference) => reference.json(cx),
            Expr::Computed(computed) => computed.json(cx),
        }
    }

    /// The value as text.
    ///
    /// # Errors
    /// Those of [`Expr::json`].
    pub(super) fn text(&self, cx: &RenderContext<'_>) -> Result<String, RenderErrorKind> {
        match self {
            Expr::Field(reference) if reference.steps.is_empty() => Ok(reference.text(cx)),
            _ => Ok(values::json_text(&self.json(cx)?)),
        }
    }
}

impl Computed {
    fn json(&self, cx: &RenderContext<'_>) -> Result<Json, RenderErrorKind> {
        engine::evaluate(&self.expression, self.context(cx))
    }

    /// The values that the expression names, and no others.
    fn context(&self, cx: &RenderContext<'_>) -> Jinja {
        let [mut bare, mut new, mut old, mut rule] = [const { Vec::new() }; 4];
        for reference in &self.references {
            match reference.root {
                Root::Bare(i) => bare.push((field_name(cx, i), engine::jinja(cx.new.value(i)))),
                Root::New(i) => new.push((field_name(cx, i), engine::jinja(cx.new.value(i)))),
                Root::Old(i) => old.push((field_name(cx, i), engine::jinja(cx.old_value(i)))),
                Root::Rule(key) => rule.push((key, engine::jinja_json(&cx.rule[key]))),
                Root::Now => bare.push((
                    "now",
                    Jinja::from(values::instant_text(&cx.now.fixed_offset())),
                )),
            }
        }
        let roots = [("new", new), ("old", old), ("rule", rule)];
        bare.extend(roots.map(|(name, pairs)| (name, Jinja::from_pairs(pairs))));
        Jinja::from_pairs(bare)
    }
}

fn field_name<'a>(cx: &RenderContext<'a>, field: usize) -> &'a str {
    cx.model.fields().get(field).map_or("", |f| f.name.as_str())
}

impl fmt::Debug for Computed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Computed")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Reference {
    fn json(&self, cx: &RenderContext<'_>) -> Result<Json, RenderErrorKind> {
        match (&self.root, self.field(cx)) {
            (Root::Rule(key), _) => Ok(reach(&cx.rule[*key], &self.steps).clone()),
            (Root::Now, _) => Ok(Json::String(values::instant_text(&cx.now.fixed_offset()))),
            (_, Value::Json(json)) => Ok(reach(json, &self.steps).clone()),
            (_, Value::Text(text)) => Ok(letter(text, &self.steps)),
            (_, value) => values::json(value),
        }
    }

    fn text(&self, cx: &RenderContext<'_>) -> String {
        match &self.root {
            Root::Rule(key) => values::json_text(&cx.rule[*key]),
            Root::Now => values::instant_text(&cx.now.fixed_offset()),
            _ => values::text(self.field(cx)),
        }
    }

    fn field<'a>(&self, cx: &RenderContext<'a>) -> &'a Value {
        match self.root {
            Root::Bare(i) | Root::New(i) => cx.new.value(i),
            Root::Old(i) => cx.old_value(i),
            Root::Rule(_) | Root::Now => &Value::Null,
        }
    }
}

/// What a path leads to; null when it leads nowhere.
fn reach<'j>(json: &'j Json, steps: &[Step]) -> &'j Json {
    let found = steps
        .iter()
        .try_fold(json, |json, step| match (json, step) {
            (Json::Object(map), Step::Key(key)) => map.get(key),
            (Json::Object(map), Step::Index(n)) => map.get(&n.to_string()),
            (Json::Array(items), Step::Index(n)) => items.get(position(*n, items.len())?),
            _ => None,
        });
    found.unwrap_or(&Json::Null)
}

fn letter(text: &str, steps: &[Step]) -> Json {
    match steps {
        [Step::Index(n)] => {
            let letter = position(*n, text.chars().count()).and_then(|n| text.chars().nth(n));
            letter.map_or(Json::Null, |c| Json::String(c.to_string()))
        }
        _ => Json::String(text.to_owned()),
    }
}

fn position(index: i64, length: usize) -> Option<usize> {
    let from_end = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 {
        length.checked_sub(from_end)
    } else {
        Some(from_end)
    }
}

/// Filters and tests are looked up while rendering, which is too late to tell the rule's author.
fn check_names(tokens: &[Token<'_>]) -> Result<(), Kind> {
    for (at, token) in tokens.iter().enumerate() {
        let &Token::Ident(name) = token else {
            continue;
        };
        let filter = at > 0 && tokens[at - 1] == Token::Punct("|");
        if filter && !engine::has_filter(name) {
            return Err(Kind::UnknownFilter {
                name: name.to_owned(),
                remedy: near(name, &FILTERS),
            });
        }
        if refs::test_name(tokens, at).is_some() && !engine::has_test(name) {
            return Err(Kind::UnknownTest {
                name: name.to_owned(),
                remedy: near(name, &TESTS),
            });
        }
    }
    Ok(())
}

/// The filters and tests that are offered when a name is misspelt.
const FILTERS: [&str; 20] = [
    "abs",
    "capitalize",
    "default",
    "first",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "replace",
    "reverse",
    "round",
    "sort",
    "split",
    "title",
    "trim",
    "upper",
];
const TESTS: [&str; 6] = [
    "defined",
    "none",
    "number",
    "string",
    "startingwith",
    "endingwith",
];

fn near(name: &str, candidates: &[&str]) -> String {
    let nearest = names::nearest(name, candidates.iter().copied());
    nearest.map_or_else(String::new, |n| format!("; did you mean `{n}`?"))
}

fn syntax(source: &str, error: &minijinja::Error) -> Kind {
    let detail = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    Kind::Syntax {
        expression: source.to_owned(),
        detail,
    }
}
