//! What a newcomer sees on each database: two runs, the second of which delivers what the first left.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../test_output.rs"]
mod output;

use output::{printed, steps};
use tempfile::TempDir;

include!("../../test_schema.rs");

const PROGRAM: &str = env!("CARGO_BIN_EXE_orders-plain");

#[test]
fn the_second_run_delivers_what_the_first_left() {
    let folder = TempDir::new().unwrap();
    assert_two_runs(|| printed(PROGRAM, folder.path(), None));
}

#[tokio::test]
async fn and_so_it_does_on_postgresql() {
    let folder = TempDir::new().unwrap();
    let schema = Schema::new().await;
    assert_two_runs(|| printed(PROGRAM, folder.path(), Some(&schema.url())));
    schema.end().await;
}

fn assert_two_runs(run: impl Fn() -> String) {
    let first = run();
    assert_eq!(steps(&first)[0], ["0 event(s) delivered"]);
    assert_main_job(&first);

    let second = run();
    let [shipped, delivered] = &steps(&second)[0][..] else {
        panic!("{second}")
    };
    assert!(shipped.ends_with("went from paid to shipped"), "{second}");
    assert_eq!(delivered, "1 event(s) delivered");
    assert_main_job(&second);
}

fn assert_main_job(output: &str) {
    let steps = steps(output);
    assert!(steps[1][0].ends_with("pending, 2 rule(s)"), "{output}");
    assert_eq!(
        steps[2],
        [
            "the row was not persisted, nothing was fired",
            "0 event(s) delivered"
        ],
        "{output}"
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
    assert!(steps[3][3].ends_with("paid, 1 rule(s)"), "{output}");
    let history = [
        "amount: null -> \"1234567890.123456789012345678\", by nobody, rule: none",
        "status: \"pending\" -> \"paid\", by nobody, rule: paid",
        "status: \"pending\" -> \"paid\", by nobody, rule: moved",
        "status: \"paid\" -> \"shipped\", by carrier, rule: moved",
    ];
    assert_eq!(steps[5], history, "{output}");
    assert!(
        output.lines().count() < 25,
        "too long for a newcomer: {output}"
    );
}
