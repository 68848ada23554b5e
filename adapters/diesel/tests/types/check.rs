// Included by each database, over its two models.

use std::collections::HashMap;

use celerysalt::rules::{Rule, RuleDraft};
use celerysalt_diesel::Rules;
use diesel::connection::SimpleConnection;
use serde_json::{Value as Json, json};

use crate::columns::{Case, Checked};
use crate::kinds::Changed;
use db::{Conn, FollowSave, TestDb, outbox};

/// What is found of each type on this database.
pub fn check() -> Vec<Checked> {
    let test = TestDb::new();
    let conn = &mut test.connect();
    conn.batch_execute(&format!("{TYPES}{}", tables())).unwrap();
    let (fires, nulls) = (a_change_fires(conn), null_is_told_from_a_value(conn));
    let on_rules = CASES.iter().map(|case| {
        let problems = [fires.get(case.field), nulls.get(case.field)];
        let found = problems.into_iter().flatten().next();
        Checked { kind: case.kind, sql: case.sql, found: found.map_or(Ok("yes"), |problem| Err(problem.clone())) }
    });
    let refused = REFUSED.iter().map(|no| {
        Checked { kind: no.kind, sql: no.sql, found: is_refused(conn, no.field, no.ty) }
    });
    on_rules.chain(refused).collect()
}

/// Says what a field was and is.
fn tells(field: &str, id: &str, draft: RuleDraft) -> Rule {
    let data = json!({"field": field, "was": format!("{{{{ old.{field} }}}}"), "is": format!("{{{{ {field} }}}}")});
    draft.emit::<Changed>(data).id(format!("{id} {field}"))
}

/// The events since this was asked last, as rule, old and new value.
fn fired(conn: &mut Conn) -> HashMap<String, [Json; 2]> {
    let told = outbox(conn).into_iter().map(|event| {
        let payload = event.payload();
        (event.rule_id(), [payload["was"].clone(), payload["is"].clone()])
    });
    let told = told.collect();
    conn.batch_execute("DELETE FROM celerysalt_outbox").unwrap();
    told
}

fn problems(of: impl Fn(&Case) -> Result<(), String>) -> HashMap<&'static str, String> {
    CASES.iter().filter_map(|case| of(case).err().map(|problem| (case.field, problem))).collect()
}

/// That the events of a save are these, for each case the ones whose rules fire.
fn expect(fired: &HashMap<String, [Json; 2]>, case: &Case, rules: &[(&str, Option<[Json; 2]>)]) -> Result<(), String> {
    for (rule, told) in rules {
        let fired = fired.get(&format!("{rule} {}", case.field));
        if fired != told.as_ref() {
            return Err(format!("the rule `{rule}` told {fired:?}, not {told:?}"));
        }
    }
    Ok(())
}

fn a_change_fires(conn: &mut Conn) -> HashMap<&'static str, String> {
    let rules = |case: &Case| {
        [
            tells(case.field, "becomes", Rule::when(case.field).eql(case.literal())),
            tells(case.field, "stays", Rule::when(case.field).eql(case.shown()[0].clone())),
            tells(case.field, "changes", Rule::when(case.field).changed()).persistent(),
        ]
    };
    let first = Every::first(CASES.iter().flat_map(rules).collect()).insert_and_follow(conn).unwrap();
    assert!(fired(conn).is_empty());
    let second = Every { id: first.id, ..Every::second(first.on_change_rules) }.update_and_follow(conn).unwrap();
    let changed = fired(conn);
    // The same again, and back.
    let same = second.update_and_follow(conn).unwrap();
    let unchanged = fired(conn);
    Every::first(same.on_change_rules).update_and_follow(conn).unwrap();
    let back = fired(conn);
    problems(|case| {
        let [first, second] = case.shown();
        let there = Some([first.clone(), second.clone()]);
        let back_again = Some([second, first]);
        expect(&changed, case, &[("becomes", there.clone()), ("stays", None), ("changes", there)])?;
        expect(&unchanged, case, &[("becomes", None), ("stays", None), ("changes", None)])?;
        expect(&back, case, &[("becomes", None), ("stays", back_again.clone()), ("changes", back_again)])
    })
}

fn null_is_told_from_a_value(conn: &mut Conn) -> HashMap<&'static str, String> {
    let rules = |case: &Case| {
        [
            tells(case.field, "is", Rule::when(case.field).not_null()).persistent(),
            tells(case.field, "becomes", Rule::when(case.field).eql(case.literal())).persistent(),
            tells(case.field, "null", Rule::when(case.field).is_null()).persistent(),
            tells(case.field, "changes", Rule::when(case.field).changed()).persistent(),
        ]
    };
    let none = Maybe::none(CASES.iter().flat_map(rules).collect()).insert_and_follow(conn).unwrap();
    let some = Maybe::second(none.on_change_rules).update_and_follow(conn).unwrap();
    let there = fired(conn);
    let none = Maybe::none(some.on_change_rules).update_and_follow(conn).unwrap();
    let back = fired(conn);
    none.update_and_follow(conn).unwrap();
    let unchanged = fired(conn);
    problems(|case| {
        let [_, value] = case.shown();
        let filled = Some([Json::Null, value.clone()]);
        let emptied = Some([value, Json::Null]);
        expect(&there, case, &[("is", filled.clone()), ("becomes", filled.clone()), ("null", None), ("changes", filled)])?;
        expect(&back, case, &[("is", None), ("becomes", None), ("null", emptied.clone()), ("changes", emptied)])?;
        expect(&unchanged, case, &[("is", None), ("null", None), ("changes", None)])
    })
}

/// A rule is refused where it is attached, and the refusal names field, type and remedy.
fn is_refused(conn: &mut Conn, field: &str, ty: &str) -> Result<&'static str, String> {
    let rules = || Rules::from(vec![tells(field, "no", Rule::when(field).changed())]);
    let attached = [
        Every { id: 2, ..Every::first(rules()) }.insert_and_follow(conn).map(drop),
        Maybe { id: 2, ..Maybe::none(rules()) }.insert_and_follow(conn).map(drop),
    ];
    for attached in attached {
        let error = attached.err().ok_or("a rule was attached")?.to_string();
        let words = [&format!("`{field}`"), &format!("`{ty}`"), "use another field"];
        if let Some(missing) = words.iter().find(|word| !error.contains(**word)) {
            return Err(format!("{error}: does not say {missing}"));
        }
    }
    Ok("refused")
}
