//! How long to wait before the next try.

use std::time::Duration;

/// Exponential backoff: `first`, twice that, and so on up to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// The longest wait.
    pub max: Duration,
    /// Whether a wait is cut by a random part of up to its half, so that those who failed together do not
    /// come back together.
    pub jitter: bool,
}

impl Backoff {
    /// The wait after this many failures before this one.
    ///
    /// ```
    /// use std::time::Duration;
    /// use celerysalt::outbox::Backoff;
    ///
    /// let backoff = Backoff { jitter: false, ..Backoff::default() };
    /// assert_eq!(backoff.delay(0), Duration::from_secs(1));
    /// assert_eq!(backoff.delay(3), Duration::from_secs(8));
    /// assert_eq!(backoff.delay(u32::MAX), Duration::from_secs(60));
    /// ```
    pub fn delay(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        let full = self.first.saturating_mul(factor).min(self.max);
        if !self.jitter || full.is_zero() {
            return full;
        }
        rand::random_range(full / 2..=full)
    }
}

impl Default for Backoff {
    /// From one second to one minute, with jitter.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            max: Duration::from_secs(60),
            jitter: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_in_the_upper_half() {
        let backoff = Backoff::default();
        for failures in 0..40 {
            let full = Backoff {
                jitter: false,
                ..backoff
            }
            .delay(failures);
            let delay = backoff.delay(failures);
            assert!(full / 2 <= delay && delay <= full, "{delay:?} of {full:?}");
        }
    }
}
