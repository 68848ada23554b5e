//! Laws of the merge: disjoint edits commute, and what has fired never comes back.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use celerysalt::rules::{Rule, Rules};
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::json;

/// What one caller does to the rules it loaded.
#[derive(Debug, Clone)]
struct Edits {
    removed: BTreeSet<usize>,
    edited: BTreeSet<usize>,
    added: usize,
}

/// Edits of two callers that touch different rules, out of ten.
fn disjoint() -> impl Strategy<Value = [Edits; 2]> {
    (prop::collection::vec(0_u8..5, 10), 0_usize..3, 0_usize..3).prop_map(
        |(touch, first, second)| {
            let of = |what: u8| {
                touch
                    .iter()
                    .enumerate()
                    .filter(|(_, t)| **t == what)
                    .map(|(i, _)| i)
                    .collect()
            };
            [
                Edits {
                    removed: of(1),
                    edited: of(2),
                    added: first,
                },
                Edits {
                    removed: of(3),
                    edited: of(4),
                    added: second,
                },
            ]
        },
    )
}

fn base() -> Rules {
    let rules: Rules = (0..10)
        .map(|i| {
            Rule::when("status")
                .eql(i)
                .emit_topic("e", json!({}))
                .id(format!("r{i}"))
        })
        .collect();
    Rules::loaded(&rules.to_json())
}

fn edited(mut rules: Rules, who: &str, edits: &Edits) -> Rules {
    rules.retain(|rule| !edits.removed.iter().any(|i| rule.id == format!("r{i}")));
    for i in &edits.edited {
        rules.get_mut(&format!("r{i}")).unwrap().description = Some(who.to_owned());
    }
    for i in 0..edits.added {
        rules.push(
            Rule::when("status")
                .eql(i)
                .emit_topic("e", json!({}))
                .id(format!("{who}{i}")),
        );
    }
    rules
}

fn content(rules: &Rules) -> BTreeSet<String> {
    rules
        .iter()
        .map(|rule| rule.to_value().to_string())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merges_of_disjoint_edits_commute([a, b] in disjoint()) {
        let (a, b) = (edited(base(), "a", &a), edited(base(), "b", &b));
        let stored_by_a = Rules::loaded(&Rules::merge(&base(), &a).to_json());
        let stored_by_b = Rules::loaded(&Rules::merge(&base(), &b).to_json());
        prop_assert_eq!(content(&Rules::merge(&stored_by_a, &b)), content(&Rules::merge(&stored_by_b, &a)));
        prop_assert_eq!(content(&stored_by_a), content(&a));
    }

    #[test]
    fn a_merge_twice_is_a_merge_once([a, _] in disjoint()) {
        let a = edited(base(), "a", &a);
        let once = Rules::merge(&base(), &a);
        prop_assert_eq!(&Rules::merge(&Rules::loaded(&once.to_json()), &a), &once);
    }

    #[test]
    fn a_merge_never_resurrects_what_has_fired([a, _] in disjoint(), fired in subsequence((0..10).collect::<Vec<_>>(), 0..=10)) {
        let callers = edited(base(), "a", &a);
        let mut stored = base();
        for i in &fired {
            stored.remove(&format!("r{i}"));
        }
        stored.push(Rule::when("status").changed().emit_topic("e", json!({})).id("meanwhile"));
        let merged = Rules::merge(&Rules::loaded(&stored.to_json()), &callers);
        for i in fired {
            let id = format!("r{i}");
            prop_assert!(merged.get(&id).is_none());
        }
        prop_assert!(merged.get("meanwhile").is_some());
        for added in callers.added() {
            prop_assert!(merged.get(&added.id).is_some());
        }
    }
}
