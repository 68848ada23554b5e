//! What the library tells through `tracing`.
#![allow(clippy::unwrap_used)]

use std::io;
use std::sync::{Arc, Mutex};

use tracing::{Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;

/// The lines told so far.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<u8>>>);

impl Told {
    /// Listens to errors.
    pub(crate) fn subscriber(&self) -> impl Subscriber + use<> {
        tracing_subscriber::fmt()
            .with_max_level(Level::ERROR)
            .with_writer(self.clone())
            .without_time()
            .finish()
    }

    pub(crate) fn errors(&self) -> Vec<String> {
        let told = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        told.lines().map(str::to_owned).collect()
    }
}

impl io::Write for Told {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Told {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
