//! What a newcomer sees: all spans, in one trace.
#![allow(clippy::unwrap_used)]

#[path = "../../test_output.rs"]
mod output;

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_span_is_printed_and_all_are_in_one_trace() {
    let printed = output::printed(env!("CARGO_BIN_EXE_traced"), Path::new("."), None);
    let trace = |line: &str| -> String {
        let (_, behind) = line.split_once(" in trace ").unwrap();
        behind.split(',').next().unwrap().to_owned()
    };
    let traces: BTreeSet<String> = printed.lines().map(trace).collect();
    assert_eq!((printed.lines().count(), traces.len()), (7, 1), "{printed}");
}
