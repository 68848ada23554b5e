//! From event data as JSON to a tree whose strings are parsed.

use serde_json::Value as Json;

use super::error::{TemplateError, TemplateErrorKind as Kind};
use super::expr::Expr;
use super::limits;
use super::path::Path;
use super::scan::{self, Piece};
use crate::json::kind;
use crate::model::ModelDef;

/// PostgreSQL's `jsonb` refuses it, and with it the save whose event it stands in.
const NUL: char = '\0';

/// A compiled piece of event data.
#[derive(Debug)]
pub(super) enum Node {
    /// JSON without any expression.
    Literal(Json),
    /// An object with expressions somewhere inside.
    Object(Vec<(String, Node)>),
    /// An array with expressions somewhere inside.
    Array(Vec<Node>),
    /// A string that is one whole expression: keeps its type.
    Whole(Expr),
    /// A string put together from pieces.
    Text(Vec<Segment>),
}

/// A piece of a string.
#[derive(Debug)]
pub(super) enum Segment {
    /// Text as it stands.
    Literal(String),
    /// The text of a value.
    Expr(Expr),
}

/// Compiles event data.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn compile(data: &Json, model: &ModelDef) -> Result<Node, Vec<TemplateError>> {
    let mut compiler = Compiler {
        model,
        among: expressions(data, 0),
        errors: Vec::new(),
    };
    let node = match data {
        Json::Null => Node::Literal(Json::Object(serde_json::Map::new())),
        Json::Object(_) if compiler.among > limits::EXPRESSIONS => {
            compiler.fail(&Path::root(), Kind::TooManyExpressions);
            Node::Literal(Json::Null)
        }
        Json::Object(_) => compiler.node(data, &Path::root(), 1),
        other => {
            compiler.fail(&Path::root(), Kind::NotAnObject { found: kind(other) });
            Node::Literal(Json::Null)
        }
    };
    if compiler.errors.is_empty() {
        Ok(node)
    } else {
        Err(compiler.errors)
    }
}

/// The number of `{{` that the compiler will see, or more.
fn expressions(data: &Json, depth: usize) -> usize {
    match data {
        _ if depth > limits::DEPTH => 0,
        Json::String(text) => text.matches("{{").count(),
        Json::Array(items) => items.iter().map(|i| expressions(i, depth + 1)).sum(),
        Json::Object(map) => map.values().map(|v| expressions(v, depth + 1)).sum(),
        _ => 0,
    }
}

struct Compiler<'m> {
    model: &'m ModelDef,
    among: usize,
    errors: Vec<TemplateError>,
}

impl Compiler<'_> {
    fn node(&mut self, data: &Json, path: &Path<'_>, depth: usize) -> Node {
        match data {
            Json::Object(_) | Json::Array(_) if depth > limits::DEPTH => {
                self.fail(path, Kind::TooDeep);
                Node::Literal(Json::Null)
            }
            Json::Object(map) => self.object(map, path, depth),
            Json::Array(items) => self.array(items, path, depth),
            Json::String(text) => self.string(text, path).unwrap_or_else(|kind| {
                self.fail(path, kind);
                Node::Literal(Json::Null)
            }),
            other => Node::Literal(other.clone()),
        }
    }

    fn object(
        &mut self,
        map: &serde_json::Map<String, Json>,
        path: &Path<'_>,
        depth: usize,
    ) -> Node {
        let mut nodes = Vec::with_capacity(map.len());
        for (key, value) in map {
            let path = path.key(key);
            if key.contains("{{") {
                self.fail(&path, Kind::KeyExpression);
            }
            if key.contains(NUL) {
                self.fail(&path, Kind::Nul);
            }
            nodes.push((key.clone(), self.node(value, &path, depth + 1)));
        }
        if nodes.iter().all(|(_, n)| matches!(n, Node::Literal(_))) {
            return Node::Literal(Json::Object(map.clone()));
        }
        Node::Object(nodes)
    }

    fn array(&mut self, items: &[Json], path: &Path<'_>, depth: usize) -> Node {
        let nodes: Vec<_> = items
            .iter()
            .enumerate()
            .map(|(i, item)| self.node(item, &path.index(i), depth + 1))
            .collect();
        if nodes.iter().all(|n| matches!(n, Node::Literal(_))) {
            return Node::Literal(Json::Array(items.to_vec()));
        }
        Node::Array(nodes)
    }

    fn string(&mut self, text: &str, path: &Path<'_>) -> Result<Node, Kind> {
        if text.contains(NUL) {
            return Err(Kind::Nul);
        }
        let pieces = scan::pieces(text)?;
        if let [Piece::Expression(source, tokens)] = pieces.as_slice() {
            return Expr::compile(source, tokens, self.among, self.model).map(Node::Whole);
        }
        let mut segments = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match piece {
                Piece::Text(text) => segments.push(Segment::Literal(text.to_owned())),
                Piece::Expression(source, tokens) => {
                    match Expr::compile(source, &tokens, self.among, self.model) {
                        Ok(expr) => segments.push(Segment::Expr(expr)),
                        Err(kind) => self.fail(path, kind),
                    }
                }
            }
        }
        let literal = segments.iter().all(|s| matches!(s, Segment::Literal(_)));
        Ok(if literal {
            Node::Literal(Json::from(text))
        } else {
            Node::Text(segments)
        })
    }

    fn fail(&mut self, path: &Path<'_>, kind: Kind) {
        self.errors.push(TemplateError {
            path: path.to_string(),
            kind,
        });
    }
}
