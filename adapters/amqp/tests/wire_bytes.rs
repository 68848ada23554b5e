//! Any bytes, and recorded messages with bytes changed: what the fuzz target `wire_decode` drives for hours, for a moment.
#![allow(clippy::unwrap_used)]

#[path = "../../../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, clippy::panic)] // it is a crate of its own
mod fuzzed;
#[path = "support/recorded.rs"]
mod recorded;

use std::path::Path;

use fuzzed::{Message, check};
use lapin::types::{AMQPValue, FieldTable};
use proptest::prelude::*;
use proptest::sample::Index;
use recorded::{properties, recorded};
use serde_json::Value;

/// The recorded messages as the target takes them.
fn seeds() -> Vec<Vec<u8>> {
    let messages = recorded().into_iter();
    let seeds = messages.map(|message| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let message = Message {
            routing_key: text(&message["routing_key"]),
            properties: properties(&message),
            body: serde_json::to_vec(&message["body"]).unwrap(),
        };
        message.bytes()
    });
    seeds.collect()
}

#[test]
fn recorded_messages_come_out_of_their_bytes_whole() {
    let seeds = seeds();
    assert_eq!(seeds.len(), recorded().len());
    for (bytes, message) in seeds.iter().zip(recorded()) {
        let again = Message::of(bytes);
        assert_eq!(again.properties, properties(&message));
        let decoded = again.decode().unwrap();
        assert_eq!(decoded.envelope.topic, message["routing_key"]);
        check(bytes);
    }
}

/// What the fuzz target starts from: `cargo fuzz run` takes the folder as a corpus.
#[test]
fn recorded_messages_are_left_as_seeds_of_the_fuzz_target() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wire_decode");
    std::fs::create_dir_all(&folder).unwrap();
    for (number, seed) in seeds().iter().enumerate() {
        std::fs::write(folder.join(format!("recorded-{number}")), seed).unwrap();
    }
}

/// A change of a message's bytes.
#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    End(Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (any::<Index>(), words()).prop_map(|(at, word)| Change::Insert(at, word)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, count)| Change::Repeat(at, count)),
        any::<Index>().prop_map(Change::End),
    ]
}

/// What has a meaning where it stands in a message.
const WORDS: &[&str] = &[
    "null",
    "-1",
    "1e400",
    "[[[[",
    "{\"a\":",
    "\\u0000",
    "_tchu_meta",
    "\"is_rpc\":7",
    "18446744073709551616",
];

fn words() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec())
}

impl Change {
    fn make(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match self {
            Self::Set(at, byte) => bytes[at.index(length)] = *byte,
            Self::Insert(at, given) => {
                let at = at.index(length);
                bytes.splice(at..at, given.iter().copied());
            }
            Self::Remove(at, count) => {
                let at = at.index(length);
                bytes.drain(at..length.min(at + count));
            }
            Self::Repeat(at, count) => {
                let at = at.index(length);
                bytes.extend_from_within(at..length.min(at + count));
            }
            Self::End(at) => bytes.truncate(at.index(length)),
        }
    }
}

/// The headers that the reader asks for.
const HEADERS: &[&str] = &[
    "task",
    "id",
    "eta",
    "expires",
    "x-celerysalt-handler",
    "x-celerysalt-retries",
    "x-celerysalt-topic",
];

fn value() -> impl Strategy<Value = AMQPValue> {
    prop_oneof![
        Just(AMQPValue::Void),
        any::<bool>().prop_map(AMQPValue::Boolean),
        any::<i64>().prop_map(AMQPValue::LongLongInt),
        any::<u32>().prop_map(AMQPValue::LongUInt),
        any::<i8>().prop_map(AMQPValue::ShortShortInt),
        any::<f64>().prop_map(AMQPValue::Double),
        any::<f32>().prop_map(AMQPValue::Float),
        any::<u64>().prop_map(AMQPValue::Timestamp),
        prop::collection::vec(any::<u8>(), 0..40)
            .prop_map(|bytes| AMQPValue::LongString(bytes.into())),
        ".{0,400}".prop_map(|text| AMQPValue::LongString(text.as_str().into())),
        Just(AMQPValue::FieldTable(FieldTable::default())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        check(&bytes);
    }

    #[test]
    fn messages_with_other_headers_are_read_or_refused(
        seed in any::<Index>(),
        others in prop::collection::vec((prop::sample::select(HEADERS), value()), 1..4),
    ) {
        let seeds = seeds();
        let chosen: &Vec<u8> = seed.get(&seeds);
        let mut message = Message::of(chosen);
        let mut headers = message.properties.headers().clone().unwrap_or_default();
        for (name, value) in others {
            headers.insert(name.into(), value);
        }
        message.properties = message.properties.with_headers(headers);
        message.check();
    }

    #[test]
    fn changed_messages_are_read_or_refused(seed in any::<Index>(), changes in prop::collection::vec(change(), 1..8)) {
        let seeds = seeds();
        let mut bytes = seed.get(&seeds).clone();
        for change in &changes {
            change.make(&mut bytes);
        }
        check(&bytes);
    }
}
