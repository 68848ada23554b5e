//! The servers that tests make their databases on.

use std::path::PathBuf;

/// The server's address, from the environment, else from what `cargo xtask services up` wrote.
pub(super) fn url(variable: &str) -> String {
    if let Ok(url) = std::env::var(variable) {
        return url;
    }
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("target/services/env"))
        .find(|file| file.exists());
    let lines = file.map(std::fs::read_to_string);
    let lines = lines.and_then(Result::ok).unwrap_or_default();
    let line = lines.lines().find_map(|line| {
        let (name, url) = line.split_once('=')?;
        (name.trim() == variable).then(|| url.trim().to_owned())
    });
    line.unwrap_or_else(|| panic!("no server for tests: run `cargo xtask test`, or set {variable}"))
}

/// A name that no other test has.
pub(super) fn unique_name() -> String {
    format!("celerysalt_test_{}", uuid::Uuid::new_v4().simple())
}

/// The address of a database on the server.
pub(super) fn of_database(server: &str, name: &str) -> String {
    let (address, options) = server.split_once('?').unwrap_or((server, ""));
    let (server, _) = address.rsplit_once('/').unwrap();
    format!("{server}/{name}?{options}")
        .trim_end_matches('?')
        .to_owned()
}
