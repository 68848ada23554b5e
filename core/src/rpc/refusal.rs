//! How a worker of celery-salt says that a request does not fit: in words, which quote what it was given.

use super::Mismatch;

/// The words of its `EventValidationError`, up to the topic.
const REFUSAL: &str = "Event validation failed for topic '";

/// Reads the words; nothing when they tell of another failure. Of pydantic's report only the first field and the kind of its
/// error are taken, for the rest may quote the request:
///
/// ```text
/// Event validation failed for topic 'rpc.calculator.add' (handler add): 1 validation error for Add
/// a.b
///   Input should be a valid number, … [type=float_parsing, input_value='x', input_type=str]
/// ```
pub(super) fn of_celery_salt(error: &str) -> Option<Mismatch> {
    let report = error.strip_prefix(REFUSAL)?;
    let mut lines = report.lines().skip(1).peekable();
    // An error of the whole names no field.
    let field = lines.next_if(|line| !line.starts_with(' '));
    let pointer = field.map(|field| field.split('.').map(token).collect());
    let kind = lines.next().and_then(kind);
    Some(Mismatch {
        pointer: pointer.unwrap_or_default(),
        reason: format!(
            "the service does not take it ({})",
            kind.unwrap_or("no reason given")
        ),
    })
}

fn token(word: &str) -> String {
    format!("/{}", word.replace('~', "~0").replace('/', "~1"))
}

fn kind(line: &str) -> Option<&str> {
    let (_, details) = line.rsplit_once("[type=")?;
    let (kind, _) = details.split_once([',', ']'])?;
    let is_word = kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    (is_word && !kind.is_empty()).then_some(kind)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(report: &str) -> Option<(String, String)> {
        let said = format!("Event validation failed for topic 'math.add' (handler add): {report}");
        of_celery_salt(&said).map(|mismatch| (mismatch.pointer, mismatch.reason))
    }

    #[test]
    fn the_first_field_and_the_kind_of_its_error_are_told() {
        let report = "2 validation errors for Add\nitems.1.sku/~\n  Input should be a valid number, unable to parse \
                      string as a number [type=float_parsing, input_value='4111', input_type=str]\n    For further \
                      information visit https://errors.pydantic.dev/2.14/v/float_parsing\nb\n  Field required \
                      [type=missing, input_value={'a': '4111'}, input_type=dict]";
        let (pointer, reason) = read(report).unwrap();
        assert_eq!(pointer, "/items/1/sku~1~0");
        assert_eq!(reason, "the service does not take it (float_parsing)");
    }

    #[test]
    fn an_error_of_the_whole_has_no_field() {
        let report = "1 validation error for Add\n  Value error, 4111 is odd [type=value_error, input_value={}, …]";
        let (pointer, reason) = read(report).unwrap();
        assert_eq!(
            (&*pointer, &*reason),
            ("", "the service does not take it (value_error)")
        );
    }

    #[test]
    fn other_words_are_other_failures_and_odd_ones_quote_nothing() {
        assert_eq!(of_celery_salt("boom"), None);
        for odd in ["", "4111", "1 error\na", "1 error\na\n  [type=4111, …]"] {
            let (_, reason) = read(odd).unwrap();
            assert_eq!(reason, "the service does not take it (no reason given)");
        }
    }
}
