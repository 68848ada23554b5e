//! Handlers that note when they were tried.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use celerysalt::handler::{HandlerDef, HandlerError, HandlerOptions};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::load::define;

/// When a handler was tried, by how often before.
#[derive(Clone, Default)]
pub(crate) struct Tries(Arc<Mutex<Vec<Try>>>);

/// How often it was tried before, and when.
pub(crate) type Try = (u32, DateTime<Utc>);

impl Tries {
    /// A handler whose first try fails.
    pub(crate) fn flaky(&self, topic: &str, delay: Duration) -> HandlerDef {
        let options = HandlerOptions {
            default_retry_delay: delay,
            ..HandlerOptions::default()
        };
        let tries = self.clone();
        define(topic, topic, options, move |cx| {
            tries.0.lock().unwrap().push((cx.retries, Utc::now()));
            match cx.retries {
                0 => Err(HandlerError::retry("not yet")),
                _ => Ok(Value::Null),
            }
        })
    }

    /// A handler that does not fail.
    pub(crate) fn steady(&self, topic: &str) -> HandlerDef {
        let tries = self.clone();
        define(topic, topic, HandlerOptions::default(), move |cx| {
            tries.0.lock().unwrap().push((cx.retries, Utc::now()));
            Ok(Value::Null)
        })
    }

    pub(crate) fn all(&self) -> Vec<Try> {
        self.0.lock().unwrap().clone()
    }

    /// When it was first tried.
    pub(crate) fn first(&self) -> Option<DateTime<Utc>> {
        let tried = self.all();
        let first = tried.iter().find(|(retries, _)| *retries == 0);
        first.map(|(_, at)| *at)
    }

    /// The tries after the first.
    pub(crate) fn retries(&self) -> Vec<Try> {
        let tried = self.all().into_iter();
        tried.filter(|(retries, _)| *retries > 0).collect()
    }
}
