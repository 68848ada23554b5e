//! What a newcomer sees on each database: two runs, the second of which delivers what the first left.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../test_output.rs"]
mod output;

use output::{assert_orders, printed};

include!("../../test_schema.rs");

const PROGRAM: &str = env!("CARGO_BIN_EXE_orders-diesel");

#[test]
fn the_second_run_delivers_what_the_first_left() {
    let folder = tempfile::tempdir().unwrap();
    assert_orders(|| printed(PROGRAM, folder.path(), None));
}

#[tokio::test]
async fn and_so_it_does_on_postgresql() {
    let folder = tempfile::tempdir().unwrap();
    let schema = Schema::new().await;
    assert_orders(|| printed(PROGRAM, folder.path(), Some(&schema.url())));
    schema.end().await;
}
