//! What a newcomer sees: one trace from the request to the last handler, and batches of the relay with theirs.
#![allow(clippy::unwrap_used)]

#[path = "../../test_output.rs"]
mod output;

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn one_trace_leads_from_the_request_to_the_last_handler() {
    let printed = output::printed(env!("CARGO_BIN_EXE_traced"), Path::new("."), None);
    let span = |line: &str| -> (String, String) {
        let (span, behind) = line.split_once(" in trace ").unwrap();
        let name = span.split_once(' ').unwrap().1;
        (
            name.to_owned(),
            behind.split(',').next().unwrap().to_owned(),
        )
    };
    let spans = printed.lines().map(span);
    let (relays, chain): (Vec<_>, Vec<_>) = spans.partition(|(name, _)| name == "celerysalt.relay");
    let (names, traces): (Vec<_>, BTreeSet<_>) = chain.into_iter().unzip();
    let expected = [
        "POST /orders/7/payment",
        "publish order.paid",
        "handle order.paid",
        "publish receipt.sent",
        "handle receipt.sent",
    ];
    assert_eq!(names, expected, "{printed}");
    assert_eq!(traces.len(), 1, "{printed}");
    assert!(!relays.is_empty(), "{printed}");
}
