//! Whatever comes from a queue, the reader of messages neither panics nor makes of it what cannot be written again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| celerysalt_fuzz::check(bytes));
