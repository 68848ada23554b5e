//! Every case for every adapter on every database; the table of results stands at the end.
//!
//! `cargo test -p celerysalt-tests --test conformance -- sqlite::diesel` runs those whose name has this in it.

use celerysalt_tests::child;
use celerysalt_tests::trial::Kit;
use libtest_mimic::Arguments;

fn main() {
    let arguments = Arguments::from_args();
    child::set_program(env!("CARGO_BIN_EXE_crash-child"));
    let kit = Kit::new();
    let trials = kit.trials();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        println!("{}", kit.end());
    }
    conclusion.exit();
}
