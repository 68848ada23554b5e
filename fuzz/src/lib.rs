//! Bytes as messages for the reader of the wire format, and what must hold of whatever it makes of them.
//!
//! A message is written as its parts one after the other, so that a changed byte changes a part and spoils no other: a
//! text is its length in two bytes, then its bytes; what may be absent has a byte before it that says so; a header's
//! value has a byte that says its type. What is missing at the end is empty.

use celerysalt_amqp::wire::{DecodeError, Decoded, Dialect, EncodeError, Incoming, decode, encode};
use chrono::{DateTime, Utc};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldArray, FieldTable, LongString, ShortString};

/// A message as it comes from a queue.
pub struct Message {
    pub routing_key: String,
    pub properties: BasicProperties,
    pub body: Vec<u8>,
}

/// Reads the message that these bytes stand for.
pub fn check(bytes: &[u8]) {
    Message::of(bytes).check();
}

impl Message {
    /// Reads it. What is read can be written, and is then the same event.
    pub fn check(&self) {
        let Ok(decoded) = self.decode() else {
            return;
        };
        let event = decoded.envelope;
        let written = match encode(&event, Dialect::CelerySalt, "fuzz@fuzz") {
            Ok(written) => written,
            Err(EncodeError::TopicTooLong { .. }) => return,
            Err(error) => panic!("what was read cannot be written: {error}"),
        };
        let again = Message {
            routing_key: event.topic.clone(),
            properties: written.properties,
            body: written.body,
        };
        match again.decode() {
            Ok(again) => {
                let again = again.envelope;
                assert_eq!(
                    (again.id, again.topic, again.version, again.meta.is_rpc),
                    (event.id, event.topic, event.version, event.meta.is_rpc)
                );
            }
            Err(error) => panic!("what was written cannot be read: {error}"),
        }
    }

    pub fn decode(&self) -> Result<Decoded, DecodeError> {
        decode(&Incoming {
            routing_key: &self.routing_key,
            properties: &self.properties,
            body: &self.body,
            now: DateTime::<Utc>::UNIX_EPOCH,
        })
    }

    /// The message that these bytes stand for; all bytes stand for one.
    pub fn of(bytes: &[u8]) -> Self {
        let mut rest = Rest(bytes);
        let routing_key = rest.text();
        let mut properties = BasicProperties::default();
        if let Some(text) = rest.maybe_short() {
            properties = properties.with_content_type(text);
        }
        if let Some(text) = rest.maybe_short() {
            properties = properties.with_content_encoding(text);
        }
        if let Some(text) = rest.maybe_short() {
            properties = properties.with_correlation_id(text);
        }
        if let Some(text) = rest.maybe_short() {
            properties = properties.with_reply_to(text);
        }
        if rest.flag() {
            properties = properties.with_priority(rest.byte());
        }
        if rest.flag() {
            properties = properties.with_headers(rest.table(0));
        }
        Self {
            routing_key,
            properties,
            body: rest.0.to_vec(),
        }
    }

    /// The bytes that stand for this message.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Bytes::default();
        bytes.chunk(self.routing_key.as_bytes());
        let properties = &self.properties;
        bytes.maybe_short(properties.content_type());
        bytes.maybe_short(properties.content_encoding());
        bytes.maybe_short(properties.correlation_id());
        bytes.maybe_short(properties.reply_to());
        bytes.flag(properties.priority().is_some());
        bytes.0.extend(*properties.priority());
        bytes.flag(properties.headers().is_some());
        if let Some(headers) = properties.headers() {
            bytes.table(headers);
        }
        bytes.0.extend(&self.body);
        bytes.0
    }
}

/// How deep a header's value may be nested; the reader is not asked to hold more.
const DEPTH: u8 = 4;

/// The bytes that are not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    fn eight(&mut self) -> [u8; 8] {
        std::array::from_fn(|_| self.byte())
    }

    fn chunk(&mut self) -> Vec<u8> {
        let length = u16::from_le_bytes([self.byte(), self.byte()]);
        let (chunk, rest) = self.0.split_at(self.0.len().min(length.into()));
        self.0 = rest;
        chunk.to_vec()
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.chunk()).into_owned()
    }

    fn maybe_short(&mut self) -> Option<ShortString> {
        if !self.flag() {
            return None;
        }
        let text = self.text();
        ShortString::try_new(text.as_str()).ok()
    }

    fn table(&mut self, depth: u8) -> FieldTable {
        let mut table = FieldTable::default();
        for _ in 0..self.byte() {
            let name = self.text();
            let value = self.value(depth);
            if let Ok(name) = ShortString::try_new(name.as_str()) {
                table.insert(name, value);
            }
        }
        table
    }

    fn value(&mut self, depth: u8) -> AMQPValue {
        match self.byte() % 10 {
            1 => AMQPValue::Boolean(self.flag()),
            2 => AMQPValue::LongString(LongString::from(self.chunk())),
            3 => AMQPValue::LongLongInt(i64::from_le_bytes(self.eight())),
            4 => AMQPValue::Double(f64::from_le_bytes(self.eight())),
            5 => AMQPValue::LongUInt(u32::from(self.byte())),
            6 => AMQPValue::ShortShortInt(self.byte() as i8),
            7 => AMQPValue::Timestamp(u64::from_le_bytes(self.eight())),
            8 if depth < DEPTH => {
                let values: Vec<AMQPValue> =
                    (0..self.byte()).map(|_| self.value(depth + 1)).collect();
                AMQPValue::FieldArray(FieldArray::from(values))
            }
            9 if depth < DEPTH => AMQPValue::FieldTable(self.table(depth + 1)),
            _ => AMQPValue::Void,
        }
    }
}

/// A message's bytes under construction.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn flag(&mut self, there: bool) {
        self.0.push(there.into());
    }

    fn chunk(&mut self, chunk: &[u8]) {
        let length = u16::try_from(chunk.len()).unwrap_or(u16::MAX);
        self.0.extend(length.to_le_bytes());
        self.0.extend(&chunk[..length.into()]);
    }

    fn maybe_short(&mut self, text: &Option<ShortString>) {
        self.flag(text.is_some());
        if let Some(text) = text {
            self.chunk(text.as_str().as_bytes());
        }
    }

    fn table(&mut self, table: &FieldTable) {
        let entries = table.inner();
        self.0.push(u8::try_from(entries.len()).unwrap_or(u8::MAX));
        for (name, value) in entries.iter().take(u8::MAX.into()) {
            self.chunk(name.as_str().as_bytes());
            self.value(value);
        }
    }

    fn value(&mut self, value: &AMQPValue) {
        match value {
            AMQPValue::Boolean(yes) => self.0.extend([1, (*yes).into()]),
            AMQPValue::LongString(text) => {
                self.0.push(2);
                self.chunk(text.as_bytes());
            }
            AMQPValue::LongLongInt(number) => {
                self.0.push(3);
                self.0.extend(number.to_le_bytes());
            }
            AMQPValue::Double(number) => {
                self.0.push(4);
                self.0.extend(number.to_le_bytes());
            }
            AMQPValue::FieldArray(values) => {
                let values = values.as_slice();
                self.0
                    .extend([8, u8::try_from(values.len()).unwrap_or(u8::MAX)]);
                values
                    .iter()
                    .take(u8::MAX.into())
                    .for_each(|value| self.value(value));
            }
            AMQPValue::FieldTable(table) => {
                self.0.push(9);
                self.table(table);
            }
            _ => self.0.push(0),
        }
    }
}
