//! The kit as tests: one for each case, adapter and database.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use libtest_mimic::{Failed, Trial};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use crate::adapters::{self, Adapter};
use crate::bench::Bench;
use crate::case::{Case, Place};
use crate::cases::GROUPS;
use crate::child;
use crate::databases::{Kind, TestDatabase};
use crate::report::Report;

/// The kit on its way.
pub struct Kit {
    runtime: Runtime,
    rows: Vec<Row>,
    report: Mutex<Report>,
}

/// An adapter on a database.
struct Row {
    adapter: Adapter,
    kind: Kind,
    /// What cases of [`Place::Shared`] share.
    shared: OnceCell<(TestDatabase, Bench)>,
}

impl Kit {
    /// Every adapter on every database; nothing is connected yet.
    pub fn new() -> Arc<Self> {
        let rows: Vec<Row> = adapters::ALL.iter().flat_map(Row::of).collect();
        Arc::new(Self {
            runtime: Runtime::new().unwrap(),
            report: Mutex::new(Report::of(rows.iter().map(Row::name))),
            rows,
        })
    }

    /// The tests.
    pub fn trials(self: &Arc<Self>) -> Vec<Trial> {
        let mut trials = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            for (group, cases) in GROUPS.iter().enumerate() {
                for case in cases.cases {
                    match case.lacking(&row.adapter, row.kind) {
                        Some(reason) => self.report().lacks(at, group, case.name, reason),
                        None => trials.push(self.trial(at, group, *case)),
                    }
                }
            }
        }
        trials
    }

    fn trial(self: &Arc<Self>, at: usize, group: usize, case: Case) -> Trial {
        let row = &self.rows[at];
        let group_name = GROUPS[group].name.replace(' ', "-");
        let name = format!(
            "{}::{}::{group_name}::{}",
            row.kind, row.adapter.name, case.name
        );
        let kit = Arc::clone(self);
        Trial::test(name, move || {
            let outcome = kit.run(&kit.rows[at], case);
            kit.report().ran(at, group, case.name, outcome.is_ok());
            outcome
        })
    }

    fn run(&self, row: &Row, case: Case) -> Result<(), Failed> {
        let caught = catch_unwind(AssertUnwindSafe(|| self.runtime.block_on(row.run(case))));
        caught.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(text.unwrap_or("a panic without words").into())
        })
    }

    /// Drops the databases, and says what became of the cases.
    pub fn end(&self) -> String {
        for row in &self.rows {
            self.runtime.block_on(row.end());
        }
        self.report().to_string()
    }

    fn report(&self) -> std::sync::MutexGuard<'_, Report> {
        self.report.lock().unwrap()
    }
}

impl Row {
    fn of(adapter: &Adapter) -> Vec<Self> {
        let kinds = adapter.databases.iter();
        let row = |kind: &Kind| Self {
            adapter: *adapter,
            kind: *kind,
            shared: OnceCell::new(),
        };
        kinds.map(row).collect()
    }

    fn name(&self) -> String {
        format!("{} {}", self.adapter.name, self.kind)
    }

    async fn run(&self, case: Case) -> Result<(), Failed> {
        if case.place == Place::Shared {
            let open = || async { self.open().await };
            let (_, bench) = self.shared.get_or_init(open).await;
            (case.run)(bench.clone()).await;
            return Ok(());
        }
        let (database, bench) = self.open().await;
        let guard = AssertUnwindSafe(async {
            match case.place {
                Place::OwnProcess => child::case(&bench, case.name).await,
                _ => (case.run)(bench.clone()).await,
            }
        });
        let outcome = futures::FutureExt::catch_unwind(guard).await;
        bench.close().await;
        database.drop_database().await;
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok(())
    }

    async fn open(&self) -> (TestDatabase, Bench) {
        let database = TestDatabase::new(self.kind, (self.adapter.tables)(self.kind)).await;
        let bench = Bench::open(self.adapter, self.kind, database.url.clone(), None).await;
        (database, bench)
    }

    async fn end(&self) {
        let Some((database, bench)) = self.shared.get() else {
            return;
        };
        bench.close().await;
        database.drop_database().await;
    }
}
