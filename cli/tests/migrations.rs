//! `celerysalt migrations print`. That its SQL does what it says is proved where the SQL stands, in `migrations/tests`.
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, reason = "this test file needs no rules")]
mod common;

use celerysalt_migrations::{Dialect, down_sql, down_sql_after, up_sql, up_sql_after};
use common::{Done, Folder};

const DIALECTS: [(&str, Dialect); 3] = [
    ("postgres", Dialect::Postgres),
    ("mysql", Dialect::Mysql),
    ("sqlite", Dialect::Sqlite),
];

fn print(words: &str) -> Done {
    Folder::new().run(&format!("migrations print {words}"))
}

#[test]
fn prints_what_the_library_runs() {
    for (name, dialect) in DIALECTS {
        for (more, sql) in [
            ("", up_sql(dialect)),
            ("--down", down_sql(dialect)),
            ("--after 1", up_sql_after(dialect, 1)),
            ("--down --after 1", down_sql_after(dialect, 1)),
            ("--after 1000", String::new()),
        ] {
            let done = print(&format!("--dialect {name} {more}"));
            assert_eq!((done.code, done.err.as_str()), (0, ""), "{name} {more}");
            assert_eq!(done.out, sql, "{name} {more}");
        }
    }
}

#[test]
fn each_dialect_has_words_of_its_own() {
    for (name, word, foreign) in [
        ("postgres", "timestamptz", "InnoDB"),
        ("mysql", "InnoDB", "GLOB"),
        ("sqlite", "GLOB", "timestamptz"),
    ] {
        let sql = print(&format!("--dialect {name}")).out;
        assert!(sql.contains(word) && !sql.contains(foreign), "{name}");
    }
}

#[test]
fn says_which_dialects_there_are() {
    for words in ["--dialect oracle", "--help"] {
        let done = print(words);
        let said = format!("{}{}", done.out, done.err);
        for (name, _) in DIALECTS {
            assert!(said.contains(name), "{words}: {said}");
        }
        assert_eq!(done.code, if words == "--help" { 0 } else { 2 });
    }
    assert_eq!(print("").code, 2, "a dialect must be named");
    assert_eq!(print("--dialect mysql --after -1").code, 2);
}
