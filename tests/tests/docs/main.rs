//! The Rust code of the README and the guides compiles: this program holds each of their snippets word for word, with
//! what they leave out around it.
#![allow(
    dead_code,
    unreachable_pub,
    unused,
    clippy::all,
    clippy::unwrap_used,
    clippy::panic
)] // what guides show is compiled, not run

// Line by line as in the guides.
#[rustfmt::skip]
mod events;
#[rustfmt::skip]
mod mesh;
#[rustfmt::skip]
mod metrics;
#[rustfmt::skip]
mod outbox;
#[rustfmt::skip]
mod readme;
#[rustfmt::skip]
mod rules;
#[rustfmt::skip]
mod saves;
#[rustfmt::skip]
mod start;

use std::fs;
use std::path::PathBuf;

/// A page, and the file here that compiles its snippets.
const PAGES: &[(&str, &str)] = &[
    ("README.md", include_str!("readme.rs")),
    ("docs/events.md", include_str!("events.rs")),
    ("docs/mesh.md", include_str!("mesh.rs")),
    ("docs/metrics.md", include_str!("metrics.rs")),
    ("docs/outbox.md", include_str!("outbox.rs")),
    ("docs/rules.md", include_str!("rules.rs")),
    ("docs/saves.md", include_str!("saves.rs")),
    ("docs/start.md", include_str!("start.rs")),
];

#[test]
fn every_snippet_of_rust_is_compiled_here() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut pages = vec!["README.md".to_owned()];
    for page in fs::read_dir(root.join("docs")).unwrap() {
        pages.push(format!(
            "docs/{}",
            page.unwrap().file_name().to_str().unwrap()
        ));
    }
    let mut found = 0;
    for page in pages {
        let text = fs::read_to_string(root.join(&page)).unwrap();
        let compiled = PAGES.iter().find(|(name, _)| *name == page);
        let compiled = lines(compiled.map_or("", |(_, code)| code));
        for snippet in text.split("```rust").skip(1) {
            let (_, code) = snippet.split_once('\n').unwrap();
            let code = lines(code.split("```").next().unwrap());
            assert!(
                compiled.contains(&code),
                "{page}: copy this snippet into its file in tests/tests/docs, so that it is compiled:\n{code}"
            );
            found += 1;
        }
    }
    assert!(found >= 20, "only {found} snippets were found");
}

/// The lines that say something, without what they are indented by.
fn lines(code: &str) -> String {
    let lines = code.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.flat_map(|line| [line, "\n"]).collect()
}
