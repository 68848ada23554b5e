//! What stands below a command's long help.

/// What the exit codes mean.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  nothing was done: what was asked for is not there, what was checked has errors, or the answer was no
  2  bad input or usage
  3  a server cannot be reached, or refuses
  4  nobody is there: no queue is bound for the event, the exchange does not exist, or no handler answers the call
  5  no answer came in time
  6  the handler answered with its declared error, which is printed
  7  the handler failed, or its answer cannot be read";

/// A command's examples, and what the exit codes mean.
pub(crate) fn examples(examples: &[&str]) -> String {
    let examples = examples.iter().map(|line| format!("  {line}\n"));
    format!("Examples:\n{}\n{EXIT_CODES}", examples.collect::<String>())
}
