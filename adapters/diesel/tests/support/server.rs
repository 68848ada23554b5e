//! The servers of the tests.

/// The address of a server: from the environment, or as `cargo xtask services up` wrote it down.
pub fn url(server: &str, name: &str) -> String {
    if let Ok(url) = std::env::var(name) {
        return url;
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/services/env");
    let services = std::fs::read_to_string(file).unwrap_or_default();
    let line = services
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {server}: set {name}, or run `cargo xtask services up`"))
        .trim_matches('"')
        .to_owned()
}
