//! When a handler runs again: Celery's backoff.

use std::sync::Mutex;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::handler::HandlerOptions;

/// Where the randomness of retries comes from.
pub trait Jitter: Send + Sync + 'static {
    /// A number from 0 to `most`, both included, each as likely as the others.
    fn up_to(&self, most: u64) -> u64;
}

/// The process's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomJitter;

impl Jitter for RandomJitter {
    fn up_to(&self, most: u64) -> u64 {
        rand::random_range(0..=most)
    }
}

/// Random numbers that are the same in every run: for tests.
#[derive(Debug)]
pub struct SeededJitter(Mutex<StdRng>);

impl SeededJitter {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Jitter for SeededJitter {
    fn up_to(&self, most: u64) -> u64 {
        let mut rng = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        rng.random_range(0..=most)
    }
}

/// How long the handler waits that has used so many retries: `min(max, factor * 2^retries)` seconds with
/// backoff, and with jitter any whole number of seconds up to that; else the default delay.
pub(super) fn delay(options: &HandlerOptions, retries: u32, jitter: &dyn Jitter) -> Duration {
    let Some(factor) = options.retry_backoff else {
        return options.default_retry_delay;
    };
    let power = 2_u64.checked_pow(retries).unwrap_or(u64::MAX);
    let longest = options.retry_backoff_max.as_secs();
    let seconds = u64::from(factor).saturating_mul(power).min(longest);
    Duration::from_secs(match options.retry_jitter {
        true => jitter.up_to(seconds),
        false => seconds,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn backoff(factor: u32, jitter: bool) -> HandlerOptions {
        HandlerOptions {
            retry_backoff: Some(factor),
            retry_jitter: jitter,
            ..HandlerOptions::default()
        }
    }

    #[test]
    fn backoff_doubles_up_to_its_longest() {
        let seconds = |retries| delay(&backoff(3, false), retries, &RandomJitter).as_secs();
        assert_eq!(
            [0, 1, 2, 7, 8, 63, 64, 4000].map(seconds),
            [3, 6, 12, 384, 600, 600, 600, 600]
        );
    }

    #[test]
    fn without_backoff_the_default_delay_counts() {
        let delay = delay(&HandlerOptions::default(), 2, &RandomJitter);
        assert_eq!(delay, Duration::from_secs(180));
    }

    #[test]
    fn jitter_reaches_both_ends() {
        let jitter = SeededJitter::new(7);
        let drawn: Vec<u64> = (0..200)
            .map(|_| delay(&backoff(1, true), 2, &jitter).as_secs())
            .collect();
        assert_eq!(
            (drawn.iter().min(), drawn.iter().max()),
            (Some(&0), Some(&4))
        );
    }

    proptest! {
        #[test]
        fn jitter_never_exceeds_the_backoff(seed: u64, factor in 0_u32..1000, retries in 0_u32..100) {
            let drawn = delay(&backoff(factor, true), retries, &SeededJitter::new(seed));
            prop_assert!(drawn <= delay(&backoff(factor, false), retries, &RandomJitter));
        }
    }
}
