//! What a newcomer sees on each database: two runs, the second of which delivers what the first left.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../test_output.rs"]
mod output;

use output::printed;

include!("../../test_schema.rs");

const PROGRAM: &str = env!("CARGO_BIN_EXE_subscriptions");

#[test]
fn states_are_rules_and_the_second_run_delivers_what_the_first_left() {
    let folder = tempfile::tempdir().unwrap();
    runs_twice(|| printed(PROGRAM, folder.path(), None));
}

#[tokio::test]
async fn and_so_it_is_on_postgresql() {
    let folder = tempfile::tempdir().unwrap();
    let schema = Schema::new().await;
    runs_twice(|| printed(PROGRAM, folder.path(), Some(&schema.url())));
    schema.end().await;
}

fn runs_twice(run: impl Fn() -> String) {
    assert_eq!(run(), expected(""));
    let left = "   -> keep_books:     Ada went from active to cancelled
   -> void_invoices:  Ada leaves, 1 invoice(s) voided
";
    assert_eq!(run(), expected(left));
}

fn expected(left: &str) -> String {
    let arrived = left.lines().count();
    format!(
        "1. Start: whatever an earlier run committed and did not deliver arrives now.
{left}   {arrived} event(s) delivered
2. Ada and Bob begin a trial.
   Ada is trial, rules: activated, abandoned, status
3. Ada subscribes, but her payment fails: the transaction is rolled back.
   0 event(s) delivered
4. Ada subscribes. The handler of that gives the row its next rule.
   -> open_invoice:   Ada owes 990 cents
   -> keep_books:     Ada went from trial to active
   2 event(s) delivered
   Ada is active, rules: status, cancelled
5. The month ends, and with it all trials, in one statement a chunk.
   1 trial(s) ended
   -> offer_discount: come back, Bob
   -> keep_books:     Bob went from trial to cancelled
   2 event(s) delivered
   Bob is cancelled, rules: activated, status
6. Ada leaves, and the process stops before anybody hears of it. Run this again.
"
    )
}
