//! A last question before something is gone for good.

use std::io::{self, IsTerminal, Write};

use crate::failure::Failure;

/// Asks on the terminal, unless `yes` was said on the command line.
///
/// # Errors
/// [`Failure::Declined`], and [`Failure::Unconfirmed`] where there is no terminal to ask on.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(Failure::Unconfirmed);
    }
    let mut terminal = io::stderr().lock();
    let asked = write!(terminal, "{question} This cannot be undone. [y/N] ");
    asked
        .and_then(|()| terminal.flush())
        .map_err(Failure::Output)?;
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(Failure::StandardInput)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Declined),
    }
}
