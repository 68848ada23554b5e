//! How far long work has come, on a terminal; elsewhere, and for programs that read JSON, nothing is shown.

use std::time::Duration;

use celerysalt_amqp::LookedThrough;
use indicatif::{ProgressBar, ProgressStyle};

use super::output::OutputArgs;

/// A line on standard error that goes when this is dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Work whose size is not known yet.
    pub(crate) fn of(what: &str, output: OutputArgs) -> Self {
        if output.json {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        bar.set_style(style("{spinner} {msg} {elapsed}"));
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// So much is done.
    pub(crate) fn looked_through(&self, seen: LookedThrough) {
        if self.0.length().is_none() {
            self.0
                .set_style(style("{msg} {wide_bar} {pos}/{len} {eta}"));
        }
        self.0.set_length(seen.of as u64);
        self.0.set_position(seen.looked as u64);
    }
}

fn style(template: &str) -> ProgressStyle {
    // A template that cannot be read would be a slip of ours, and no reason to fail.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
