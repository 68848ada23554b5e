//! From a compiled tree and a row to the event's data.

use serde_json::Value as Json;

use super::compile::{Node, Segment};
use super::error::{RenderError, RenderErrorKind as Kind};
use super::path::Path;
use super::{RenderContext, limits};

/// Renders a tree.
///
/// # Errors
/// The first expression that failed, or data that grew too long.
pub(super) fn render(node: &Node, cx: &RenderContext<'_>) -> Result<Json, RenderError> {
    let mut renderer = Renderer {
        cx,
        left: limits::TOTAL,
    };
    renderer.node(node, &Path::root())
}

struct Renderer<'r> {
    cx: &'r RenderContext<'r>,
    left: usize,
}

impl Renderer<'_> {
    fn node(&mut self, node: &Node, path: &Path<'_>) -> Result<Json, RenderError> {
        match node {
            Node::Literal(json) => Ok(json.clone()),
            Node::Object(entries) => {
                let mut map = serde_json::Map::new();
                for (key, node) in entries {
                    map.insert(key.clone(), self.node(node, &path.key(key))?);
                }
                Ok(Json::Object(map))
            }
            Node::Array(nodes) => {
                let items = nodes.iter().enumerate();
                let items: Result<_, _> =
                    items.map(|(i, n)| self.node(n, &path.index(i))).collect();
                Ok(Json::Array(items?))
            }
            Node::Whole(expr) => {
                let json = expr.json(self.cx).map_err(at(path))?;
                self.spend(size(&json)).map_err(at(path))?;
                Ok(json)
            }
            Node::Text(segments) => self.text(segments).map(Json::String).map_err(at(path)),
        }
    }

    fn text(&mut self, segments: &[Segment]) -> Result<String, Kind> {
        let mut text = String::new();
        for segment in segments {
            match segment {
                Segment::Literal(literal) => text.push_str(literal),
                Segment::Expr(expr) => text.push_str(&expr.text(self.cx)?),
            }
            if text.len() > limits::TEXT {
                return Err(Kind::TextTooLong);
            }
        }
        self.spend(text.len())?;
        Ok(text)
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Kind> {
        self.left = self.left.checked_sub(bytes).ok_or(Kind::DataTooLong)?;
        Ok(())
    }
}

fn at<'p>(path: &'p Path<'_>) -> impl FnOnce(Kind) -> RenderError + use<'p> {
    let path = path.to_string();
    move |kind| RenderError { path, kind }
}

/// About how many bytes a value takes.
fn size(json: &Json) -> usize {
    match json {
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(|i| 1 + size(i)).sum(),
        Json::Object(map) => map.iter().map(|(k, v)| 1 + k.len() + size(v)).sum(),
        _ => 8,
    }
}
