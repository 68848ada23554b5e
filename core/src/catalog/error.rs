//! What can be wrong with a catalog, and with a look-up in it.

use std::fmt;

use super::{Difference, Role};

/// The program's events or handlers contradict each other; every contradiction is listed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the catalog of events contradicts itself:{}", Lines(.problems))]
#[non_exhaustive]
pub struct CatalogError {
    /// What is wrong: one entry a contradiction, at least one.
    pub problems: Vec<CatalogProblem>,
}

/// One contradiction in a catalog.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogProblem {
    /// Two types under one topic, version and role have different schemas.
    #[error(
        "topic `{topic}` version {version} has two different {role} schemas:\n    first: {first}\n    second: {second}{}\n    make the types equal, or give one of them another version",
        Deeper(.differences)
    )]
    Schemas {
        /// The topic.
        topic: String,
        /// The version.
        version: String,
        /// Event, response or error.
        role: Role,
        /// One type.
        first: Place,
        /// The other.
        second: Place,
        /// What the second has differently (`-` only the first has it, `+` only the second).
        differences: Vec<Difference>,
    },
    /// Two types under one topic and version disagree whether it is an RPC.
    #[error(
        "topic `{topic}` version {version} is an RPC for one type and a broadcast for the other:\n    first: {first}\n    second: {second}\n    give both the same `mode`"
    )]
    Modes {
        /// The topic.
        topic: String,
        /// The version.
        version: String,
        /// One type.
        first: Place,
        /// The other.
        second: Place,
    },
    /// A version that is not `v` and a number; only of entries that no macro made.
    #[error(
        "topic `{topic}`: version `{version}` is not `v` and a number, as in `v1`\n    at: {place}"
    )]
    Version {
        /// The topic.
        topic: String,
        /// The version.
        version: String,
        /// The type.
        place: Place,
    },
    /// Two handlers of one name: retries and dead letters could not tell them apart.
    #[error(
        "two handlers are named `{name}`:\n    first: {first}\n    second: {second}\n    name one of them: #[subscribe(…, name = \"…\")]"
    )]
    Handlers {
        /// The name.
        name: String,
        /// Where one is declared.
        first: String,
        /// Where the other is declared.
        second: String,
    },
}

/// Where a type is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The type's name.
    pub name: String,
    /// `file:line`.
    pub location: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at {}", self.name, self.location)
    }
}

/// A name that means no event, or more than one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No event has this topic or type name.
    #[error("no event is named `{name}`{}", DidYouMean(.similar))]
    Unknown {
        /// What was looked for.
        name: String,
        /// Names like it that exist.
        similar: Vec<String>,
    },
    /// The type name stands for several topics.
    #[error("`{name}` is the type name of several events; name one by its topic: {}", .topics.join(", "))]
    Ambiguous {
        /// What was looked for.
        name: String,
        /// The topics it may mean.
        topics: Vec<String>,
    },
}

/// Events that a program states to expect and that are not in its catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "events are missing from this program: {}{}; a crate that no code names is not linked: add `use the_crate as _;` for the crate that declares them",
    .topics.join(", "), perhaps(.similar)
)]
#[non_exhaustive]
pub struct Missing {
    /// The topics (or type names) that nobody declared, as they were stated.
    pub topics: Vec<String>,
    /// Names like them that the program has.
    pub similar: Vec<String>,
}

fn perhaps(similar: &[String]) -> String {
    match similar {
        [] => String::new(),
        similar => format!(" (there is {})", similar.join(", ")),
    }
}

/// Each on a line of its own, indented.
struct Lines<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Lines<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// The same under a line that is indented itself.
struct Deeper<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Deeper<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

struct DidYouMean<'a>(&'a [String]);

impl fmt::Display for DidYouMean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, "; did you mean {}?", self.0.join(", "))
    }
}
