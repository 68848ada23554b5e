//! `docs/guarantees.md` names tests that there are, in the files that it says.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file of the repository: its path from the root, and its text.
type Source = (String, String);

#[test]
fn every_row_names_tests_that_there_are() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources = sources(&root);
    let guide = fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    let rows = guide.lines().filter(|line| line.starts_with("| "));
    let proofs: Vec<_> = rows.filter_map(|row| row.rsplit('|').nth(1)).collect();
    assert!(proofs.len() > 50, "the rows are not found");
    let parts = proofs.iter().flat_map(|proof| proof.split(';'));
    let missing: Vec<_> = parts.flat_map(|part| missing_in(part, &sources)).collect();
    assert!(missing.is_empty(), "there is no {missing:#?}");
}

/// What is named in a part of a row and is not there: a file, or a test in the files named before it.
fn missing_in<'p>(part: &'p str, sources: &[Source]) -> Vec<&'p str> {
    let mut files: Vec<&Source> = sources.iter().collect();
    let mut missing = Vec::new();
    for name in part.split('`').skip(1).step_by(2) {
        if name.contains('/') || name.ends_with(".rs") {
            files = sources
                .iter()
                .filter(|source| is_in(source, name))
                .collect();
            missing.extend(files.is_empty().then_some(name));
        } else if is_function(name) && !files.iter().any(|source| has(source, name)) {
            missing.push(name);
        }
    }
    missing
}

/// Whether a file has this path or is below it, which may begin anywhere.
fn is_in((file, _): &Source, path: &str) -> bool {
    let file = format!("/{file}/");
    file.contains(&format!("/{path}/"))
}

/// A test's name, or how the names of several begin or end; a word is none.
fn is_function(name: &str) -> bool {
    let is_part = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_') || ELLIPSIS.contains(&c);
    name.contains('_') && name.chars().all(is_part)
}

/// What stands for the rest of a name.
const ELLIPSIS: [char; 2] = ['*', '…'];

fn has((_, text): &Source, name: &str) -> bool {
    let part = name.trim_matches(ELLIPSIS);
    let mut functions = text.split("fn ").skip(1).map(|rest| {
        let end = rest.find(['(', '<']).unwrap_or(rest.len());
        &rest[..end]
    });
    functions.any(|function| {
        let (begins, ends) = (function.starts_with(part), function.ends_with(part));
        (begins || name.starts_with(ELLIPSIS))
            && (ends || name.ends_with(ELLIPSIS))
            && (begins || ends)
    })
}

fn sources(root: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    let folders = [
        "adapters",
        "cli",
        "core",
        "examples",
        "macros",
        "migrations",
        "tests",
    ];
    let mut folders: Vec<_> = folders.map(|folder| root.join(folder)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let file = path.strip_prefix(root).unwrap().to_str().unwrap();
                sources.push((file.to_owned(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources
}
