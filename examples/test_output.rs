//! What an example prints, for the tests of several.
#![allow(dead_code, clippy::unwrap_used)] // compiled into each of them, which uses its part

use std::path::Path;
use std::process::Command;

/// What a program prints that runs in this folder, on the database of this URL where one is given.
pub(crate) fn printed(program: &str, folder: &Path, database: Option<&str>) -> String {
    let mut program = Command::new(program);
    program
        .current_dir(folder)
        .env_remove("CELERYSALT_DATABASE_URL");
    program.envs(database.map(|url| ("CELERYSALT_DATABASE_URL", url)));
    let output = program.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The indented lines under each numbered heading.
pub(crate) fn steps(output: &str) -> Vec<Vec<String>> {
    let mut steps: Vec<Vec<String>> = Vec::new();
    for line in output.lines() {
        match line.strip_prefix("   ") {
            Some(detail) => steps.last_mut().unwrap().push(detail.to_owned()),
            None => steps.push(Vec::new()),
        }
    }
    steps
}

/// Asserts what the examples of orders print, whatever saves them, when they run for the first and the second time.
pub(crate) fn assert_orders(run: impl Fn() -> String) {
    assert_eq!(run(), orders(1, ""));
    let left = "   -> show_status:  order 1 went from paid to shipped\n";
    let second = run();
    assert_eq!(second, orders(2, left));
    assert!(second.lines().count() < 25, "too long for a newcomer");
}

fn orders(order: u32, left: &str) -> String {
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
