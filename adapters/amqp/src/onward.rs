//! What of a message's properties and headers goes on with it, when it is published again.
//!
//! The message may be anybody's, and this library publishes it again on a channel that others share: what RabbitMQ would
//! close that channel for stays behind.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use uuid::Uuid;

use crate::wire::headers;

/// All properties but `expiration`, which would end a message while it waits, and `user_id`: RabbitMQ closes the channel
/// of whoever publishes in another user's name. With an id by which the message is known when it is returned.
pub(crate) fn properties(given: &BasicProperties) -> BasicProperties {
    let mut kept = BasicProperties::default();
    macro_rules! keep {
        ($($field:ident $set:ident),+) => {$(
            if let Some(value) = given.$field().clone() {
                kept = kept.$set(value);
            }
        )+};
    }
    keep!(content_type with_content_type, content_encoding with_content_encoding, headers with_headers,
        delivery_mode with_delivery_mode, priority with_priority, correlation_id with_correlation_id,
        reply_to with_reply_to, message_id with_message_id, timestamp with_timestamp, kind with_type,
        app_id with_app_id);
    match kept.message_id() {
        Some(_) => kept,
        None => kept.with_message_id(Uuid::new_v4().to_string().into()),
    }
}

/// All headers but those of one publish or one queue. Where they are too many for one frame, only those that make the
/// message an event, and a note of what is missing.
pub(crate) fn headers(given: &FieldTable) -> FieldTable {
    let mut kept = FieldTable::default();
    for (name, value) in given {
        if !LEFT_BEHIND.contains(&name.as_str()) {
            kept.insert(name.clone(), value.clone());
        }
    }
    match of_table(&kept) {
        0..=MOST => kept,
        bytes => reduced(&kept, bytes),
    }
}

/// An error, cut to what a header may have of it.
pub(crate) fn shortened(error: &str) -> String {
    match error.len() {
        0..=MOST_OF_AN_ERROR => error.to_owned(),
        _ => format!("{}…", &error[..error.floor_char_boundary(MOST_OF_AN_ERROR)]),
    }
}

/// Headers of one publish (`CC` would copy each retry to other queues), and those that a queue writes about its own
/// deliveries and expiries.
const LEFT_BEHIND: &[&str] = &[
    "CC",
    "BCC",
    headers::DELIVERY_COUNT,
    "x-death",
    "x-first-death-exchange",
    "x-first-death-queue",
    "x-first-death-reason",
    "x-last-death-exchange",
    "x-last-death-queue",
    "x-last-death-reason",
];

/// Headers that are kept in any case: what makes a message an event, and this library's own.
const KNOWN: &[&str] = &[
    "task",
    "id",
    headers::ETA,
    headers::EXPIRES,
    "lang",
    "root_id",
    "origin",
    headers::TARGET,
    headers::RETRIES,
    headers::RETURNS,
    headers::TOPIC,
    headers::ERROR,
    headers::DEAD_ATTEMPTS,
    headers::DEAD_ORIGIN,
    headers::DEAD_HANDLER,
    headers::DEAD_AT,
];

/// Headers travel in one frame, of 128 KiB unless RabbitMQ is told otherwise, which ends the connection when it gets a
/// longer one. The rest is for what is noted in a dead letter.
const MOST: usize = 100_000;

/// Of a known header; all of them together stay well below [`MOST`].
const MOST_OF_ONE: usize = 4_200;

const MOST_OF_AN_ERROR: usize = 4_000;

fn reduced(given: &FieldTable, bytes: usize) -> FieldTable {
    let mut kept = FieldTable::default();
    for (name, value) in given {
        if KNOWN.contains(&name.as_str()) && of_value(value) <= MOST_OF_ONE {
            kept.insert(name.clone(), value.clone());
        }
    }
    let dropped = given.inner().len() - kept.inner().len();
    let note = format!("{dropped} headers: with them all had {bytes} bytes, more than {MOST}");
    tracing::warn!(
        dropped,
        bytes,
        "a message goes on without its largest headers"
    );
    kept.insert(headers::DROPPED.into(), AMQPValue::LongString(note.into()));
    kept
}

/// How many bytes a table has in a frame, or a few more.
fn of_table(table: &FieldTable) -> usize {
    let entry =
        |(name, value): (&ShortString, &AMQPValue)| 1 + name.as_str().len() + of_value(value);
    4 + table.inner().iter().map(entry).sum::<usize>()
}

fn of_value(value: &AMQPValue) -> usize {
    const LONGEST_NUMBER: usize = 8;
    1 + match value {
        AMQPValue::ShortString(text) => 1 + text.as_str().len(),
        AMQPValue::LongString(text) => 4 + text.as_bytes().len(),
        AMQPValue::ByteArray(bytes) => 4 + bytes.len(),
        AMQPValue::FieldArray(values) => 4 + values.as_slice().iter().map(of_value).sum::<usize>(),
        AMQPValue::FieldTable(table) => of_table(table),
        _ => LONGEST_NUMBER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(length: usize) -> AMQPValue {
        AMQPValue::LongString("x".repeat(length).into())
    }

    #[test]
    fn another_users_name_and_an_expiration_stay_behind_and_the_rest_goes_on() {
        let given = BasicProperties::default()
            .with_user_id("somebody".into())
            .with_expiration("1000".into())
            .with_correlation_id("c-1".into())
            .with_message_id("m-1".into());
        let kept = properties(&given);
        let expected = BasicProperties::default()
            .with_correlation_id("c-1".into())
            .with_message_id("m-1".into());
        assert_eq!(kept, expected);
        assert!(
            properties(&BasicProperties::default())
                .message_id()
                .is_some()
        );
    }

    #[test]
    fn copies_and_a_queues_own_notes_stay_behind() {
        let mut given = FieldTable::default();
        for name in LEFT_BEHIND.iter().chain(&["task", "x-foreign"]) {
            given.insert((*name).into(), text(3));
        }
        let kept = headers(&given);
        let names: Vec<&str> = kept.inner().keys().map(ShortString::as_str).collect();
        assert_eq!(names, ["task", "x-foreign"]);
    }

    #[test]
    fn headers_too_many_for_a_frame_are_reduced_to_the_known_ones_and_that_is_noted() {
        let mut given = FieldTable::default();
        given.insert("task".into(), text(30));
        given.insert("id".into(), text(MOST_OF_ONE));
        given.insert("x-foreign".into(), text(40_000));
        assert_eq!(headers(&given), given);
        let mut nested = FieldTable::default();
        nested.insert("deep".into(), text(80_000));
        given.insert("x-nested".into(), AMQPValue::FieldTable(nested));
        let kept = headers(&given);
        assert_eq!(kept.inner().get("task"), Some(&text(30)));
        let note = headers::text(Some(&kept), headers::DROPPED);
        assert!(note.is_some_and(|note| note.starts_with("3 headers")));
        assert_eq!(kept.inner().len(), 2);
    }

    #[test]
    fn an_error_is_cut_by_bytes_between_characters() {
        assert_eq!(shortened("short"), "short");
        let cut = shortened(&"🦀".repeat(3_000));
        assert_eq!(cut, format!("{}…", "🦀".repeat(1_000)));
        assert_eq!(
            shortened(&format!("x{}", "🦀".repeat(1_000))).len(),
            1 + 999 * 4 + 3
        );
    }
}
