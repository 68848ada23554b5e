//! Whether the columns that a table has are those that it needs.

use super::ModelTable;
use super::catalog::Column;
use super::problem::TableProblem;
use crate::Dialect;

/// The columns of a table; none when there is no such table.
pub(super) struct Columns {
    dialect: Dialect,
    columns: Vec<Column>,
}

impl Columns {
    pub(super) fn new(dialect: Dialect, columns: Vec<Column>) -> Self {
        Self { dialect, columns }
    }

    fn get(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| match self.dialect {
            Dialect::Postgres => column.name == name,
            // Letter case makes no other column there.
            Dialect::Mysql | Dialect::Sqlite => column.name.eq_ignore_ascii_case(name),
        })
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// What is wrong with a table of this crate's.
pub(super) fn own_problem(
    table: &'static str,
    needed: &[&str],
    found: &Columns,
) -> Option<TableProblem> {
    let is_fit = needed.iter().all(|name| found.has(name));
    (!is_fit).then_some(TableProblem::NotMigrated { table })
}

/// What is wrong with a model's table.
pub(super) fn model_problems(model: &ModelTable, found: &Columns) -> Vec<TableProblem> {
    let table = full_name(model);
    if found.columns.is_empty() {
        return vec![TableProblem::NoTable { table }];
    }
    let missing = model.columns.iter().filter(|name| !found.has(name));
    let missing = missing.map(|&column| match column == model.rules {
        true => TableProblem::NoRules {
            table: table.clone(),
            column,
            needed: needed_type(model, found.dialect),
        },
        false => TableProblem::NoColumn {
            table: table.clone(),
            column,
        },
    });
    let mut problems: Vec<_> = missing.collect();
    if let Some(rules) = found.get(model.rules) {
        problems.extend(type_problem(model, rules, found.dialect));
        problems.extend(rules.is_nullable.then_some(TableProblem::Nullable {
            table,
            column: model.rules,
        }));
    }
    problems
}

/// What is wrong with the type of a rules column that is there.
fn type_problem(model: &ModelTable, rules: &Column, dialect: Dialect) -> Option<TableProblem> {
    let (table, column, found) = (full_name(model), model.rules, rules.ty.clone());
    if !holds_json(&found, dialect) {
        let needed = needed_type(model, dialect);
        return Some(TableProblem::WrongType {
            table,
            column,
            found,
            needed,
        });
    }
    let said = model.rules_type.filter(|said| *said != found)?;
    Some(TableProblem::OtherType {
        table,
        column,
        found,
        said,
    })
}

/// The table's name as errors and remedies have it.
fn full_name(model: &ModelTable) -> String {
    let schema = model.schema.as_deref().into_iter();
    let names: Vec<_> = schema.chain([model.table.as_str()]).collect();
    names.join(".")
}

/// The type that the guides give to a rules column, unless the model takes another only.
fn needed_type(model: &ModelTable, dialect: Dialect) -> &'static str {
    model.rules_type.unwrap_or(match dialect {
        Dialect::Postgres => "jsonb",
        Dialect::Mysql => "json",
        Dialect::Sqlite => "text",
    })
}

/// Whether a column of this type holds rules of any length as they are written.
fn holds_json(ty: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Postgres => ["jsonb", "json", "text"].contains(&ty),
        // MariaDB's json is a longtext. A text ends at 64 KiB, which rules and the events in a note may exceed.
        Dialect::Mysql => ["json", "longtext", "mediumtext"].contains(&ty),
        // What SQLite takes for text, and what a JSON column may be named there.
        Dialect::Sqlite => ["json", "text", "char", "clob"]
            .iter()
            .any(|part| ty.contains(part)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(rules_type: Option<&'static str>) -> ModelTable {
        ModelTable {
            model: "order",
            schema: Some("shop".to_owned()),
            table: "orders".to_owned(),
            columns: vec!["id", "rules"],
            rules: "rules",
            rules_type,
            keeps_history: false,
        }
    }

    fn problems(dialect: Dialect, columns: &[(&str, &str, &str)]) -> Vec<TableProblem> {
        let columns = columns.iter();
        let columns =
            columns.map(|(name, ty, nullable)| Column::of((*name).to_owned(), ty, nullable));
        model_problems(&orders(None), &Columns::new(dialect, columns.collect()))
    }

    #[test]
    fn types_that_hold_rules() {
        for ty in ["jsonb", "json", "text"] {
            assert!(holds_json(ty, Dialect::Postgres), "{ty}");
        }
        for ty in ["json", "longtext", "mediumtext"] {
            assert!(holds_json(ty, Dialect::Mysql), "{ty}");
        }
        for ty in ["text", "jsonb_text", "json", "varchar(9)"] {
            assert!(holds_json(ty, Dialect::Sqlite), "{ty}");
        }
        assert!(!holds_json("character varying(100)", Dialect::Postgres));
        for ty in ["varchar(100)", "text", "tinytext"] {
            assert!(!holds_json(ty, Dialect::Mysql), "{ty}");
        }
        assert!(!holds_json("integer", Dialect::Sqlite));
    }

    #[test]
    fn letter_case_makes_another_column_on_postgresql_alone() {
        let columns = [("ID", "integer", "NO"), ("Rules", "json", "NO")];
        assert_eq!(problems(Dialect::Mysql, &columns), []);
        assert_eq!(problems(Dialect::Sqlite, &columns), []);
        assert_eq!(problems(Dialect::Postgres, &columns).len(), 2);
    }

    #[test]
    fn a_type_that_the_model_does_not_take_is_told_with_both() {
        let found = Column::of("rules".to_owned(), "json", "NO");
        let told = type_problem(&orders(Some("jsonb")), &found, Dialect::Postgres);
        let other = TableProblem::OtherType {
            table: "shop.orders".to_owned(),
            column: "rules",
            found: "json".to_owned(),
            said: "jsonb",
        };
        assert_eq!(told, Some(other));
        assert_eq!(type_problem(&orders(None), &found, Dialect::Postgres), None);
    }
}
