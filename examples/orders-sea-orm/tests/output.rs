//! What a newcomer sees on each database: two runs, the second of which delivers what the first left.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::Command;

include!("../../test_schema.rs");

#[test]
fn the_second_run_delivers_what_the_first_left() {
    let folder = tempfile::tempdir().unwrap();
    runs_twice(|| run(folder.path(), None));
}

#[tokio::test]
async fn and_so_it_does_on_postgresql() {
    let folder = tempfile::tempdir().unwrap();
    let schema = Schema::new().await;
    runs_twice(|| run(folder.path(), Some(&schema.url())));
    schema.end().await;
}

fn runs_twice(run: impl Fn() -> String) {
    assert_eq!(run(), expected(1, ""));
    let left = "   -> show_status:  order 1 went from paid to shipped\n";
    let second = run();
    assert_eq!(second, expected(2, left));
    assert!(second.lines().count() < 25);
}

fn expected(order: u32, left: &str) -> String {
    let arrived = left.lines().count();
    format!(
        "1. Start: whatever an earlier run committed and did not deliver arrives now.
{left}   {arrived} event(s) delivered
2. A pending order with two JSON rules: one fires once, one stays.
   pending, 2 rule(s)
3. It is paid, but the transaction is rolled back.
   0 event(s) delivered
4. It is paid, and committed.
   -> send_receipt: order {order} was paid, 9990 cents
   -> show_status:  order {order} went from pending to paid
   2 event(s) delivered
   paid, 1 rule(s)
5. It is shipped, and the process stops before anybody delivers the event. Run this again.
"
    )
}

fn run(folder: &Path, database: Option<&str>) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_orders-sea-orm"));
    program
        .current_dir(folder)
        .env_remove("CELERYSALT_DATABASE_URL");
    program.envs(database.map(|url| ("CELERYSALT_DATABASE_URL", url)));
    let output = program.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
