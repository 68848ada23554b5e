//! What tests of programs with events need: a frozen clock.

mod clock;

pub use clock::TestClock;
