//! What tests of programs with events need: a frozen clock, and a bus that runs handlers when it is told.

// Assertions panic: that is how a test fails.
#![allow(clippy::panic)]

mod bus;
mod clock;
mod driver;
mod recorder;

pub use bus::{TestBus, TestBusBuilder};
pub use clock::TestClock;
