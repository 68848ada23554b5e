//! What a newcomer sees: two runs in one folder, the second of which delivers what the first left.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../test_output.rs"]
mod output;

use output::{printed, steps};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quickstart");

#[test]
fn the_second_run_delivers_what_the_first_left() {
    let folder = TempDir::new().unwrap();
    let first = printed(PROGRAM, folder.path(), None);
    assert_eq!(steps(&first)[0], ["0 event(s) delivered"]);
    assert_main_job(&first);

    let second = printed(PROGRAM, folder.path(), None);
    let [shipped, delivered] = &steps(&second)[0][..] else {
        panic!("{second}")
    };
    assert!(
        shipped.starts_with("-> show_status:") && shipped.ends_with("went from paid to shipped"),
        "{second}"
    );
    assert_eq!(delivered, "1 event(s) delivered");
    assert_main_job(&second);
}

fn assert_main_job(output: &str) {
    let steps = steps(output);
    assert!(steps[1][0].ends_with("pending, 2 rule(s)"), "{output}");
    assert_eq!(
        steps[2],
        ["0 event(s) delivered"],
        "a rolled-back save fires nothing: {output}"
    );
    assert!(
        steps[3][0].ends_with("was paid, amount 1234567890.123456789012345678"),
        "{output}"
    );
    assert!(
        steps[3][1].ends_with("went from pending to paid"),
        "{output}"
    );
    assert_eq!(steps[3][2], "2 event(s) delivered", "{output}");
    assert!(
        steps[3][3].ends_with("paid, 1 rule(s)"),
        "the once-rule is gone, the other stays: {output}"
    );
    assert!(
        output.lines().count() < 25,
        "too long for a newcomer: {output}"
    );
}
