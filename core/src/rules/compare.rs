//! Comparison of values by the type of the field, without loss.

use std::cmp::Ordering;

use bigdecimal::{BigDecimal, ToPrimitive};
use chrono::{DateTime, NaiveDate, NaiveTime};
use serde_json::Value as Json;
use uuid::Uuid;

use super::read;
use super::view::View;

/// How two values stand to each other; `None` when they do not compare (NaN, null, values of different kinds).
///
/// Numbers compare as numbers whatever their kind, decimals exactly, instants by instant, text by code point.
pub(super) fn order(a: View<'_>, b: View<'_>) -> Option<Ordering> {
    match (a, b) {
        (View::Int(a), View::Int(b)) => Some(a.cmp(&b)),
        (View::Decimal(a), View::Decimal(b)) => Some(a.cmp(b)),
        (View::Float(a) | View::Number(a), View::Float(b) | View::Number(b)) => a.partial_cmp(&b),
        (View::Int(a), View::Float(b) | View::Number(b)) => int_to_float(a, b),
        (View::Float(a) | View::Number(a), View::Int(b)) => {
            int_to_float(b, a).map(Ordering::reverse)
        }
        (View::Decimal(_), View::Float(b)) if b.is_infinite() => 0.0.partial_cmp(&b),
        (View::Float(a), View::Decimal(_)) if a.is_infinite() => a.partial_cmp(&0.0),
        (View::Decimal(a), b) => Some(a.cmp(&decimal(b)?)),
        (a, View::Decimal(b)) => Some(decimal(a)?.cmp(b)),
        (View::Wide(wide_a), View::Wide(wide_b)) => match (decimal(a), decimal(b)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => Some(wide_a.cmp(wide_b)),
        },
        (View::Wide(_), View::Int(_) | View::Float(_) | View::Number(_))
        | (View::Int(_) | View::Float(_) | View::Number(_), View::Wide(_)) => {
            Some(decimal(a)?.cmp(&decimal(b)?))
        }
        (
            View::Text(a) | View::JsonText(a) | View::Wide(a),
            View::Text(b) | View::JsonText(b) | View::Wide(b),
        ) => Some(a.cmp(b)),
        (View::DateTime(a), View::DateTime(b)) => Some(a.cmp(&b)),
        (View::LocalDateTime(a), View::LocalDateTime(b)) => Some(a.cmp(&b)),
        (View::Date(a), View::Date(b)) => Some(a.cmp(&b)),
        (View::Time(a), View::Time(b)) => Some(a.cmp(&b)),
        (View::JsonText(a), b) => text_to_typed(a, b),
        (a, View::JsonText(b)) => text_to_typed(b, a).map(Ordering::reverse),
        _ => None,
    }
}

/// Whether two values are equal. Null equals null, NaN equals nothing.
pub(super) fn equal(a: View<'_>, b: View<'_>) -> bool {
    match (a, b) {
        (View::Null, View::Null) => true,
        (View::Bool(a), View::Bool(b)) => a == b,
        (View::Uuid(a), View::Uuid(b)) => a == b,
        (View::Uuid(a), View::JsonText(b)) | (View::JsonText(b), View::Uuid(a)) => {
            b.parse::<Uuid>().is_ok_and(|b| a == b)
        }
        (View::Array(a), View::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(json_equal),
        (View::Object(a), View::Object(b)) => {
            let has = |key, value| b.get(key).is_some_and(|other| json_equal((value, other)));
            a.len() == b.len() && a.iter().all(|(key, value)| has(key, value))
        }
        (a, b) => order(a, b) == Some(Ordering::Equal),
    }
}

fn json_equal((a, b): (&Json, &Json)) -> bool {
    equal(View::of_json(a), View::of_json(b))
}

/// A number as a decimal: a float's exact binary value, the printed digits of a JSON number or text.
pub(super) fn decimal(value: View<'_>) -> Option<BigDecimal> {
    match value {
        View::Int(value) => Some(BigDecimal::from(value)),
        View::Float(value) => BigDecimal::try_from(value).ok(),
        View::Number(value) => read::decimal(&value.to_string()),
        View::Decimal(value) => Some(value.clone()),
        View::JsonText(text) | View::Wide(text) => read::decimal(text),
        _ => None,
    }
}

/// A difference is taken on the digits that the numbers print: 0.3 is 0.2 more than 0.1.
pub(super) fn difference(from: View<'_>, to: View<'_>) -> Option<BigDecimal> {
    if let (View::Int(from), View::Int(to)) = (from, to) {
        return to.checked_sub(from).map(BigDecimal::from);
    }
    Some(printed(to)? - printed(from)?)
}

/// A number as a decimal by its printed digits. Text is no number here.
pub(super) fn printed(value: View<'_>) -> Option<BigDecimal> {
    match value {
        View::Float(value) => decimal(View::Number(value)),
        View::JsonText(_) => None,
        other => decimal(other),
    }
}

/// Compares without rounding either side.
fn int_to_float(int: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    // Beyond i128 the float decides; inside, its whole part converts exactly.
    match float.trunc().to_i128() {
        None if float > 0.0 => Some(Ordering::Less),
        None => Some(Ordering::Greater),
        Some(whole) => Some(int.cmp(&whole).then_with(|| {
            let fraction = float.fract();
            0.0.partial_cmp(&fraction).unwrap_or(Ordering::Equal)
        })),
    }
}

/// A JSON text beside a typed field is read as that type; beside anything else it does not compare.
fn text_to_typed(text: &str, other: View<'_>) -> Option<Ordering> {
    match other {
        View::DateTime(at) => Some(DateTime::parse_from_rfc3339(text).ok()?.cmp(&at)),
        View::LocalDateTime(at) => Some(read::local_date_time(text)?.cmp(&at)),
        View::Date(date) => Some(text.parse::<NaiveDate>().ok()?.cmp(&date)),
        View::Time(time) => Some(text.parse::<NaiveTime>().ok()?.cmp(&time)),
        _ => None,
    }
}
