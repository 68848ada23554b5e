//! What a newcomer sees on SQLite: two runs in one folder, the second of which delivers what the first left.
#![allow(clippy::unwrap_used)]

#[path = "../../test_output.rs"]
mod output;

#[test]
fn the_second_run_delivers_what_the_first_left() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_orders-diesel");
    output::assert_orders(|| output::printed(program, folder.path(), None));
}
