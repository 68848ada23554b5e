//! Whether the tables of a database are what saves of models need.
//!
//! This is what the checks of the adapters share (`check_tables` of `celerysalt-sea-orm` and of `celerysalt-diesel`): what
//! they ask the database's catalog, and what they make of its answers. They ask it over their ORM's own connection.
//!
//! ```
//! use celerysalt_migrations::Dialect;
//! use celerysalt_migrations::check::{CheckError, Column, ModelTable, TableCheck};
//!
//! let orders = ModelTable {
//!     model: "order",
//!     schema: None,
//!     table: "orders".to_owned(),
//!     columns: vec!["id", "status", "on_change_rules"],
//!     rules: "on_change_rules",
//!     rules_type: None,
//!     keeps_history: false,
//! };
//! let check = TableCheck::new(Dialect::Postgres, vec![orders]);
//! let ask = |question: &celerysalt_migrations::check::Question| -> Vec<Column> {
//!     assert!(question.sql().contains("to_regclass($1)"));
//!     Vec::new() // An ORM would ask the database here.
//! };
//! let answers = check.questions().iter().map(ask).collect();
//! let error: CheckError<std::io::Error> = check.judge(answers).unwrap_err();
//! assert!(error.to_string().contains("there is no table `orders`"));
//! ```

mod catalog;
mod fit;
mod problem;

pub use catalog::{Column, Question};
pub use problem::{CheckError, TableProblem};

use crate::Dialect;
use fit::Columns;

/// A model's table, as its ORM has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelTable {
    /// The model's name, for errors.
    pub model: &'static str,
    /// Where the table is, unless the connection looks there anyway.
    pub schema: Option<String>,
    /// The table's name.
    pub table: String,
    /// The columns that saves read or write, the rules column among them.
    pub columns: Vec<&'static str>,
    /// The rules column.
    pub rules: &'static str,
    /// The only type that the ORM reads and writes the rules column as, where it takes no other.
    pub rules_type: Option<&'static str>,
    /// Whether saves of the model write its history.
    pub keeps_history: bool,
}

/// The check of some models: what to ask the database, and what the answers mean.
#[derive(Debug, Clone)]
pub struct TableCheck {
    dialect: Dialect,
    own: Vec<OwnTable>,
    models: Vec<ModelTable>,
}

/// A table of this crate's that saves write, and the columns that they write there.
type OwnTable = (&'static str, &'static [&'static str]);

const OUTBOX: OwnTable = (
    "celerysalt_outbox",
    &[
        "id",
        "topic",
        "version",
        "payload",
        "meta",
        "aggregate",
        "created_at",
        "available_at",
    ],
);

const PENDING: OwnTable = (
    "celerysalt_pending",
    &[
        "id",
        "model",
        "row_key",
        "operation",
        "events",
        "created_at",
    ],
);

const HISTORY: OwnTable = (
    "celerysalt_transitions",
    &[
        "id",
        "model",
        "aggregate",
        "operation",
        "field",
        "old_value",
        "new_value",
        "rule_id",
        "event_id",
        "actor",
        "at",
        "correlation_id",
    ],
);

impl TableCheck {
    /// The check of these models' tables, and of those of this crate that their saves write.
    pub fn new(dialect: Dialect, models: Vec<ModelTable>) -> Self {
        let keeps_history = models.iter().any(|model| model.keeps_history);
        let history = keeps_history.then_some(HISTORY);
        Self {
            dialect,
            own: [OUTBOX, PENDING].into_iter().chain(history).collect(),
            models,
        }
    }

    /// What to ask the database: one question for each table.
    pub fn questions(&self) -> Vec<Question> {
        let own = self.own.iter().map(|(table, _)| (None, *table));
        let models = self.models.iter();
        let models = models.map(|model| (model.schema.as_deref(), model.table.as_str()));
        let tables = own.chain(models);
        tables
            .map(|(schema, table)| Question::of_table(self.dialect, schema, table))
            .collect()
    }

    /// What the answers mean, which are in the order of the [`questions`](Self::questions).
    ///
    /// # Errors
    /// [`CheckError::Unfit`] with each problem: table, column and remedy.
    pub fn judge<D: std::error::Error>(
        &self,
        answers: Vec<Vec<Column>>,
    ) -> Result<(), CheckError<D>> {
        let mut answers = answers
            .into_iter()
            .map(|columns| Columns::new(self.dialect, columns));
        let mut problems = Vec::new();
        for ((table, needed), found) in self.own.iter().zip(answers.by_ref()) {
            problems.extend(fit::own_problem(table, needed, &found));
        }
        let concerns_all = !problems.is_empty();
        let mut unfit = Vec::new();
        for (model, found) in self.models.iter().zip(answers) {
            let of_model = fit::model_problems(model, &found);
            if concerns_all || !of_model.is_empty() {
                unfit.push(model.model);
            }
            problems.extend(of_model);
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(CheckError::Unfit {
                models: unfit,
                problems,
            }),
        }
    }
}
