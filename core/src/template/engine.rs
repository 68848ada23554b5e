//! The template engine: which filters it has, how much it may work, what it makes of values.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock};

use bigdecimal::{BigDecimal, Zero};
use minijinja::value::{DynObject, Object, ObjectRepr, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Expression, UndefinedBehavior, Value as Jinja};
use serde_json::Value as Json;

use super::error::RenderErrorKind as Kind;
use super::{limits, refs, values};
use crate::value::Value;

static FEW: LazyLock<Environment<'static>> = LazyLock::new(|| environment(limits::FUEL_OF_FEW));
static MANY: LazyLock<Environment<'static>> = LazyLock::new(|| environment(limits::FUEL_OF_MANY));

/// Compiles one of so many expressions.
///
/// # Errors
/// The engine's own, when it does not accept the syntax.
pub(super) fn compile(source: &str, among: usize) -> Result<Expression<'static, 'static>, Error> {
    let environment = if among > limits::FEW { &MANY } else { &FEW };
    environment.compile_expression_owned(source.to_owned())
}

/// Whether there is a filter of this name.
pub(super) fn has_filter(name: &str) -> bool {
    exists("name is filter", name)
}

/// Whether there is a test of this name.
pub(super) fn has_test(name: &str) -> bool {
    exists("name is test", name)
}

fn exists(question: &'static str, name: &str) -> bool {
    let context = Jinja::from_pairs([("name", name)]);
    let answer = FEW
        .compile_expression(question)
        .and_then(|e| e.eval(context));
    answer.is_ok_and(|a| a.is_true())
}

/// Evaluates an expression to JSON.
///
/// # Errors
/// No fuel left, a failing expression, or a value that JSON does not have.
pub(super) fn evaluate(expression: &Expression<'_, '_>, context: Jinja) -> Result<Json, Kind> {
    let value = expression.eval(context).map_err(|e| failed(&e))?;
    let mut left = limits::TEXT;
    to_json(&value, &mut left, 0)
}

fn environment(fuel: u64) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(fuel));
    // Every name is checked when the template compiles, so what is undefined while rendering is a
    // path that a JSON field has not: null, and so are the paths behind it.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    for (name, _) in Environment::<'static>::new().globals() {
        if !refs::FUNCTIONS.contains(&name) {
            environment.remove_global(name);
        }
    }
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_test("none", |value: &Jinja| {
        value.is_none() || value.is_undefined()
    });
    environment
}

/// The built-in `default`, except that it also stands in for null: a missing path and a null field
/// are the same thing to rules.
fn default(value: &Jinja, args: Rest<Jinja>) -> Result<Jinja, Error> {
    if args.len() > 2 {
        return Err(Error::from(ErrorKind::TooManyArguments));
    }
    let falsy_too = args.get(1).is_some_and(Jinja::is_true);
    let absent = value.is_none() || value.is_undefined() || (falsy_too && !value.is_true());
    Ok(match (absent, args.first()) {
        (false, _) => value.clone(),
        (true, Some(other)) => other.clone(),
        (true, None) => Jinja::from(""),
    })
}

/// A field's value as the engine sees it. Decimals are objects that it cannot calculate with.
pub(super) fn jinja(value: &Value) -> Jinja {
    match value {
        Value::Null => Jinja::from(()),
        Value::Bool(b) => Jinja::from(*b),
        Value::Int(n) => Jinja::from(*n),
        Value::Float(n) => Jinja::from(*n),
        Value::Decimal(n) => Jinja::from_object(Decimal(n.clone())),
        Value::Json(json) => jinja_json(json),
        other => Jinja::from(values::text(other)),
    }
}

/// A JSON document as the engine sees it.
pub(super) fn jinja_json(json: &Json) -> Jinja {
    match json {
        Json::Null => Jinja::from(()),
        Json::Bool(b) => Jinja::from(*b),
        Json::Number(n) => match (n.as_i64(), n.as_u64(), n.as_f64()) {
            (Some(n), _, _) => Jinja::from(n),
            (_, Some(n), _) => Jinja::from(n),
            (_, _, Some(n)) => Jinja::from(n),
            _ => Jinja::from(n.to_string()),
        },
        Json::String(text) => Jinja::from(text.as_str()),
        Json::Array(items) => items.iter().map(jinja_json).collect(),
        Json::Object(map) => {
            Jinja::from_pairs(map.iter().map(|(k, v)| (k.as_str(), jinja_json(v))))
        }
    }
}

fn to_json(value: &Jinja, left: &mut usize, depth: usize) -> Result<Json, Kind> {
    if depth > limits::VALUE_DEPTH {
        return Err(not_json("a value nested so deep"));
    }
    // Every value costs at least its comma.
    spend(left, 1 + value.as_str().map_or(0, str::len))?;
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(Json::Null),
        ValueKind::Bool => Ok(Json::Bool(value.is_true())),
        ValueKind::Number => number(value),
        ValueKind::String => Ok(Json::from(value.as_str().unwrap_or_default())),
        ValueKind::Seq | ValueKind::Iterable => items(value, left, depth),
        ValueKind::Map => entries(value, left, depth),
        ValueKind::Plain => match value.downcast_object_ref::<Decimal>() {
            Some(Decimal(n)) => Ok(Json::String(values::decimal_text(n))),
            None => Err(not_json("an object")),
        },
        kind => Err(not_json(&format!("a value of kind {kind}"))),
    }
}

fn number(value: &Jinja) -> Result<Json, Kind> {
    match (value.is_integer(), i128::try_from(value.clone())) {
        (true, Ok(n)) => values::integer(n),
        (true, Err(_)) => Err(not_json("an integer beyond 64 bits")),
        (false, _) => f64::try_from(value.clone())
            .map(Json::from)
            .map_err(|e| failed(&e)),
    }
}

fn items(value: &Jinja, left: &mut usize, depth: usize) -> Result<Json, Kind> {
    let mut array = Vec::new();
    for item in value.try_iter().map_err(|e| failed(&e))?.checked() {
        array.push(to_json(&item.map_err(|e| failed(&e))?, left, depth + 1)?);
    }
    Ok(Json::Array(array))
}

fn entries(value: &Jinja, left: &mut usize, depth: usize) -> Result<Json, Kind> {
    let mut object = serde_json::Map::new();
    for key in value.try_iter().map_err(|e| failed(&e))?.checked() {
        let key = key.map_err(|e| failed(&e))?;
        let name = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
        spend(left, name.len())?;
        let item = value.get_item(&key).map_err(|e| failed(&e))?;
        object.insert(name, to_json(&item, left, depth + 1)?);
    }
    Ok(Json::Object(object))
}

fn spend(left: &mut usize, bytes: usize) -> Result<(), Kind> {
    *left = left.checked_sub(bytes).ok_or(Kind::TextTooLong)?;
    Ok(())
}

fn not_json(what: &str) -> Kind {
    Kind::NotJson {
        what: what.to_owned(),
    }
}

fn failed(error: &Error) -> Kind {
    if error.kind() == ErrorKind::OutOfFuel {
        return Kind::OutOfFuel;
    }
    let detail = match error.detail() {
        // The engine tells the operands, and these are the row's.
        Some(detail) if detail.starts_with("unable to calculate") => {
            "a calculation has no result (division by zero, or a number too large)".to_owned()
        }
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    Kind::Failed { detail }
}

/// A decimal in an expression: prints all its digits, and is no number, so that nothing rounds it.
struct Decimal(BigDecimal);

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&values::decimal_text(&self.0))
    }
}

impl Object for Decimal {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !self.0.is_zero()
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other
            .downcast_ref::<Self>()
            .map(|other| self.0.cmp(&other.0))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
