//! The rules of the table as saves see them: loaded once, shared by all.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::model::ModelDef;
use crate::rules::Rules;

/// The rules of all models at one revision of a table.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) revision: u64,
    /// By the model's name; a model without rules is not in it.
    pub(super) models: HashMap<String, Arc<Rules>>,
}

type Cell = ArcSwapOption<Snapshot>;

/// What every save of the process sees, scopes aside.
static PROCESS: Cell = Cell::const_empty();

tokio::task_local! {
    static SCOPED: Arc<Cell>;
}

/// Runs a future with loaded rules of its own: at first none, then those that a [`RuleTable`](super::RuleTable) loads
/// inside. Saves in the future see these and not the process's; tasks that it spawns are outside.
///
/// For programs that have tables of rules in several databases, and for tests that run side by side.
pub async fn scope<F: Future>(future: F) -> F::Output {
    SCOPED.scope(Arc::default(), future).await
}

/// The rules that the table holds for a model, as they were last loaded; `None` when it holds none.
pub(crate) fn rules_of(model: &ModelDef) -> Option<Arc<Rules>> {
    with_cell(|cell| cell.load().as_ref()?.models.get(model.name()).cloned())
}

/// What is loaded here.
pub(super) fn current() -> Option<Arc<Snapshot>> {
    with_cell(Cell::load_full)
}

/// Lets saves see a snapshot from now on.
pub(super) fn publish(snapshot: Snapshot) {
    let snapshot = Some(Arc::new(snapshot));
    with_cell(|cell| cell.store(snapshot.clone()));
}

fn with_cell<R>(f: impl Fn(&Cell) -> R) -> R {
    SCOPED
        .try_with(|cell| f(cell))
        .unwrap_or_else(|_| f(&PROCESS))
}
