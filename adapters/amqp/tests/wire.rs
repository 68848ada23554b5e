//! The wire format, by messages that the real Python packages wrote.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/recorded.rs"]
mod recorded;

use celerysalt::chain::Chain;
use celerysalt::event::{Envelope, Meta};
use celerysalt::rpc::{Answer, HandlerAnswer, HandlerResult};
use celerysalt_amqp::wire::{DecodeError, Decoded, Dialect, EncodeError, Incoming, decode, encode};
use chrono::{DateTime, TimeDelta, Utc};
use lapin::types::AMQPValue;
use proptest::prelude::*;
use recorded::{properties, recorded};
use serde_json::{Value, json};
use uuid::Uuid;

fn now() -> DateTime<Utc> {
    "2026-01-25T10:00:00Z".parse().unwrap()
}

fn read(message: &Value) -> Result<Decoded, DecodeError> {
    let body = match &message["body"] {
        Value::String(raw) => raw.clone().into_bytes(),
        body => serde_json::to_vec(body).unwrap(),
    };
    decode(&Incoming {
        routing_key: message["routing_key"].as_str().unwrap_or_default(),
        properties: &properties(message),
        body: &body,
        now: now(),
    })
}

/// The event as Python wrote it: its own fields and `_tchu_meta`.
fn event_of(message: &Value) -> (Value, Option<Value>) {
    let args = if message["body"].is_array() {
        &message["body"][0]
    } else {
        &message["body"]["args"]
    };
    let mut event: Value = serde_json::from_str(args[0].as_str().unwrap()).unwrap();
    let meta = event.as_object_mut().unwrap().remove("_tchu_meta");
    (event, meta)
}

#[test]
fn every_recorded_message_is_read_whole() {
    let messages = recorded();
    assert!(
        messages.len() >= 7,
        "the recording has {} messages",
        messages.len()
    );
    for message in &messages {
        let decoded = read(message).unwrap_or_else(|error| panic!("{error}: {message}"));
        let (event, meta) = event_of(message);
        let envelope = decoded.envelope;
        assert_eq!(envelope.payload, event);
        assert_eq!(Value::from(envelope.topic.as_str()), message["routing_key"]);
        let id = message["headers"]["id"]
            .as_str()
            .or(message["body"]["id"].as_str())
            .unwrap();
        assert_eq!(envelope.id.to_string(), id);
        let meta = meta.unwrap_or(json!({"is_rpc": true}));
        assert_eq!(envelope.meta.is_rpc, meta["is_rpc"].as_bool().unwrap());
        assert_eq!(envelope.version.as_deref(), meta["version"].as_str());
        assert_eq!(
            envelope.meta.chain.correlation_id.as_deref(),
            meta["correlation_id"].as_str()
        );
        assert_eq!(
            envelope.meta.reply_to.as_deref(),
            message["properties"]["reply_to"].as_str()
        );
        assert_eq!((decoded.target, decoded.retries), (None, 0));
    }
}

/// What a worker on celery-salt stored about a request that does not fit.
#[test]
fn a_recorded_refusal_is_an_invalid_request() {
    let refused = recorded().into_iter().find_map(|message| {
        let stored = message["redis_result"]["value"].clone();
        match Answer::from_task_result(&stored) {
            Ok(Some(Answer::Completed(answers))) => answers.into_iter().find_map(invalid),
            _ => None,
        }
    });
    assert_eq!(refused.expect("one of the recorded is refused"), "/a");
}

fn invalid(answer: HandlerAnswer) -> Option<String> {
    match answer.result {
        HandlerResult::InvalidRequest(mismatch) => Some(mismatch.pointer),
        _ => None,
    }
}

/// Python's integers and decimals know no bounds; a float would change them.
#[test]
fn wide_numbers_keep_their_digits() {
    let event = r#"{"n": 1180591620717411303424, "d": [0.12345678901234567890], "x": 0.1, "i": -7, "s": "\"1e400"}"#;
    let expected = json!({"n": "1180591620717411303424", "d": ["0.12345678901234567890"], "x": 0.1, "i": -7,
        "s": "\"1e400"});
    let read = |body: String| {
        let message = minimal();
        let incoming = Incoming {
            routing_key: "order.paid",
            properties: &properties(&message),
            body: body.as_bytes(),
            now: now(),
        };
        decode(&incoming).unwrap().envelope.payload
    };
    assert_eq!(read(json!([[event], {}, {}]).to_string()), expected);
    // Hand-written publishers send the event itself.
    assert_eq!(read(format!("[[{event}], {{}}, {{}}]")), expected);
    assert_eq!(
        read(format!(r#"{{"id": "x", "args": [{event}]}}"#)),
        expected
    );
}

fn minimal() -> Value {
    json!({
        "routing_key": "order.paid",
        "properties": {"content_type": "application/json", "content_encoding": "utf-8"},
        "headers": {"task": "celery_salt.dispatch_event", "id": "38d939b3-ccef-42b9-b983-6df82b190da2"},
        "body": [["{\"n\": 1}"], {"routing_key": "order.paid"}, {}],
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut message = minimal();
    match message.pointer_mut(pointer) {
        Some(place) => *place = value,
        None => {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            message.pointer_mut(parent).unwrap()[key] = value;
        }
    }
    message
}

#[test]
fn a_message_without_metadata_is_a_direct_call() {
    let decoded = read(&minimal()).unwrap();
    assert!(decoded.envelope.meta.is_rpc);
    assert_eq!(decoded.envelope.version, None);
}

#[test]
fn both_dispatchers_are_taken_and_no_other_task() {
    read(&with("/headers/task", json!("tchu_tchu.dispatch_event"))).unwrap();
    let foreign = read(&with("/headers/task", json!("shop.tasks.send_mail"))).unwrap_err();
    assert!(
        matches!(&foreign, DecodeError::ForeignTask { task } if task == "shop.tasks.send_mail")
    );
    assert_eq!(
        read(&with("/headers", json!({"id": "x"}))),
        Err(DecodeError::NoTask)
    );
}

#[test]
fn an_eta_and_both_forms_of_expires_are_instants() {
    let at = |pointer, value| read(&with(pointer, value)).map(|decoded| decoded.envelope.meta);
    let eta = at("/headers/eta", json!("2026-01-25T12:30:00+02:00"))
        .unwrap()
        .eta;
    assert_eq!(eta, Some("2026-01-25T10:30:00Z".parse().unwrap()));
    let naive = at("/headers/expires", json!("2026-01-25T10:30:00.5"))
        .unwrap()
        .expires;
    assert_eq!(naive, Some("2026-01-25T10:30:00.5Z".parse().unwrap()));
    let seconds = at("/headers/expires", json!(90.5)).unwrap().expires;
    assert_eq!(seconds, Some(now() + TimeDelta::milliseconds(90_500)));
    assert_eq!(
        at("/headers/eta", json!("soon")),
        Err(DecodeError::Instant { header: "eta" })
    );
    assert_eq!(
        at("/headers/eta", json!(5)),
        Err(DecodeError::Instant { header: "eta" })
    );
    for out_of_reach in [
        json!(-87_433_540_000.0),
        json!(1e300),
        json!(300_000_000_000_i64),
    ] {
        let error = at("/headers/expires", out_of_reach).unwrap_err();
        assert_eq!(error, DecodeError::Instant { header: "expires" });
    }
    assert_eq!(
        at("/headers/expires", json!([1])),
        Err(DecodeError::Instant { header: "expires" })
    );
}

#[test]
fn a_task_id_that_is_no_uuid_gives_the_same_event_id_each_time() {
    let named = with("/headers/id", json!("nightly-42"));
    let first = read(&named).unwrap().envelope.id;
    assert_eq!(read(&named).unwrap().envelope.id, first);
    assert_ne!(
        read(&with("/headers/id", json!("nightly-43")))
            .unwrap()
            .envelope
            .id,
        first
    );
}

#[test]
fn the_ids_that_a_caller_chose_are_kept_for_the_answer() {
    let cases = [
        ("nightly-42", None),
        ("38D939B3CCEF42B9B9836DF82B190DA2", Some("my-call")),
        ("38d939b3-ccef-42b9-b983-6df82b190da2", Some("my-call")),
    ];
    for (id, correlation) in cases {
        let mut message = with("/headers/id", json!(id));
        if let Some(word) = correlation {
            message["properties"]["correlation_id"] = json!(word);
        }
        let envelope = read(&message).unwrap().envelope;
        assert_eq!(envelope.task_id(), id);
        assert_eq!(envelope.meta.reply_id.as_deref(), correlation);
        // Written again, they are the same.
        let again = encode(&envelope, Dialect::CelerySalt, "me").unwrap();
        let again = Incoming {
            routing_key: &envelope.topic,
            properties: &again.properties,
            body: &again.body,
            now: now(),
        };
        assert_eq!(decode(&again).unwrap().envelope, envelope);
    }
}

#[test]
fn what_is_no_event_says_where_it_is_wrong() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let cases = [
        (
            with("/body", json!("{not json")),
            "the body is not valid JSON",
        ),
        (with("/body", json!("7")), "the body is a number"),
        (with("/body", json!(deep)), "the body is not valid JSON"),
        (
            with("/body/0", json!(["{\"n\": "])),
            "the event is not valid JSON",
        ),
        (with("/body/0", json!(["[1]"])), "the event is an array"),
        (with("/body/0", json!([])), "the event is null"),
        (with("/body/0", json!("x")), "`args` is a string"),
        (
            with("/body/0", json!(["{\"_tchu_meta\": 1}"])),
            "`_tchu_meta` is a number",
        ),
        (
            with(
                "/body/0",
                json!(["{\"_tchu_meta\": {\"is_rpc\": \"yes\"}}"]),
            ),
            "`_tchu_meta` is not valid",
        ),
        (
            with(
                "/properties/content_type",
                json!("application/x-python-serialize"),
            ),
            "application/x-python-serialize",
        ),
        (
            with("/properties/content_encoding", json!("binary")),
            "binary",
        ),
        (with("/headers/id", Value::Null), "no task id"),
    ];
    for (message, expected) in cases {
        let error = read(&message).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} does not say {expected}");
    }
}

#[test]
fn errors_quote_no_data() {
    let secret = with(
        "/body/0",
        json!(["{\"card\": \"4111-1111\", \"_tchu_meta\": {\"version\": 4111}}"]),
    );
    let error = format!("{0} {0:?}", read(&secret).unwrap_err());
    assert!(!error.contains("4111"), "{error}");
}

fn envelope(payload: Value) -> Envelope {
    Envelope {
        id: Uuid::from_u128(7),
        topic: "order.paid".to_owned(),
        version: Some("v2".to_owned()),
        payload,
        meta: Meta::default(),
    }
}

#[test]
fn what_cannot_travel_is_refused() {
    let refused = |envelope: &Envelope| encode(envelope, Dialect::CelerySalt, "me").unwrap_err();
    assert!(matches!(
        refused(&envelope(json!([1]))),
        EncodeError::NotAnObject { .. }
    ));
    assert!(matches!(
        refused(&envelope(json!({"_tchu_meta": 1}))),
        EncodeError::ReservedField { .. }
    ));
    let long = Envelope {
        topic: "x".repeat(256),
        ..envelope(json!({}))
    };
    assert!(matches!(
        refused(&long),
        EncodeError::TopicTooLong { length: 256, .. }
    ));
}

#[test]
fn a_message_has_every_header_that_celery_writes() {
    let message = encode(&envelope(json!({})), Dialect::TchuTchu, "celerysalt@shop").unwrap();
    let ours: Vec<String> = message
        .properties
        .headers()
        .as_ref()
        .unwrap()
        .inner()
        .keys()
        .map(ToString::to_string)
        .collect();
    for celerys in recorded()[0]["headers"].as_object().unwrap().keys() {
        assert!(ours.contains(celerys), "{celerys} is missing");
    }
}

#[test]
fn a_retry_names_its_handler_and_tries() {
    let message = encode(&envelope(json!({})), Dialect::CelerySalt, "me").unwrap();
    let mut headers = message.properties.headers().clone().unwrap();
    let handler = AMQPValue::LongString("mails".into());
    headers.insert("x-celerysalt-handler".into(), handler);
    headers.insert("x-celerysalt-retries".into(), AMQPValue::LongLongInt(3));
    let decoded = decode(&Incoming {
        routing_key: "elsewhere",
        properties: &message.properties.with_headers(headers),
        body: &message.body,
        now: now(),
    })
    .unwrap();
    assert_eq!(
        (decoded.target.as_deref(), decoded.retries),
        (Some("mails"), 3)
    );
    assert_eq!(
        decoded.envelope.topic, "order.paid",
        "the topic is the event's, whatever the way back"
    );
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e15..1e15f64).prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[^_].*", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_envelope() -> impl Strategy<Value = Envelope> {
    let fields = prop::collection::btree_map("[^_].*", json_value(), 0..5);
    let meta = (
        any::<bool>(),
        prop::option::of("[a-z0-9-]{1,30}"),
        0..16u32,
        prop::option::of(1..=255u8),
    );
    let times = (
        prop::option::of(0..4_000_000_000_000_000i64),
        prop::option::of(0..4_000_000_000_000_000i64),
    );
    (
        any::<u128>(),
        "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}",
        prop::option::of("v[1-9]"),
        fields,
        meta,
        times,
    )
        .prop_map(
            |(
                id,
                topic,
                version,
                fields,
                (is_rpc, correlation_id, depth, priority),
                (eta, expires),
            )| Envelope {
                id: Uuid::from_u128(id),
                topic,
                version,
                payload: Value::Object(fields.into_iter().collect()),
                meta: Meta {
                    chain: Chain {
                        correlation_id,
                        depth,
                        causation_id: Some(Uuid::from_u128(id)),
                        fired: vec!["f".into()],
                    },
                    is_rpc,
                    aggregate: Some("order:1".into()),
                    rule_id: Some("r".into()),
                    priority,
                    eta: eta.and_then(DateTime::from_timestamp_micros),
                    expires: expires.and_then(DateTime::from_timestamp_micros),
                    ..Meta::default()
                },
            },
        )
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(envelope in any_envelope()) {
        let message = encode(&envelope, Dialect::CelerySalt, "celerysalt@shop").unwrap();
        let incoming = Incoming {
            routing_key: &envelope.topic, properties: &message.properties, body: &message.body, now: now(),
        };
        let decoded = decode(&incoming).unwrap();
        prop_assert_eq!(decoded.envelope, envelope);
    }

    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let message = minimal();
        let _ = decode(&Incoming { routing_key: "x", properties: &properties(&message), body: &body, now: now() });
    }
}
