//! Where a save's statements run, and the transaction around them.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use celerysalt::follow::{Moment, Plan};
use celerysalt_migrations::check::{Column, Question};
use diesel::deserialize::FromSqlRow;
use diesel::dsl::AsSelect;
use diesel::expression::{QueryMetadata, TypedExpressionType};
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::result::{Error as DieselError, QueryResult};
use diesel::sql_types::SqlType;
use diesel::{Expression, Selectable};

use crate::backend::FollowBackend;
use crate::error::Error;
use crate::tables::{DeleteIntents, Tell, insert_events, insert_transitions};

/// A connection of Diesel's, or of diesel-async's.
///
/// What a save does is written once, as async functions over this. The futures of a blocking connection never wait, so
/// that [`now`] can run them.
pub trait Session: Send {
    /// The database.
    type Backend: FollowBackend;

    /// Whether the caller has begun a transaction.
    fn is_in_transaction(&mut self) -> QueryResult<bool>;

    /// Begins a transaction in which nobody else changes what is read.
    fn begin(&mut self) -> impl Future<Output = QueryResult<()>> + Send;

    /// Begins a savepoint in the caller's transaction.
    fn begin_savepoint(&mut self) -> impl Future<Output = QueryResult<()>> + Send;

    /// Commits the transaction, or releases the savepoint.
    fn commit(&mut self) -> impl Future<Output = QueryResult<()>> + Send;

    /// Rolls back the transaction, or to the savepoint.
    fn roll_back(&mut self) -> impl Future<Output = QueryResult<()>> + Send;

    /// Makes the connection refuse to commit: nobody knows how far the save in it came.
    fn give_up(&mut self);

    /// Runs SQL that binds nothing.
    fn batch(&mut self, sql: &str) -> impl Future<Output = QueryResult<()>> + Send;

    /// Runs a statement, and tells how many rows it matched.
    fn execute<Q>(&mut self, statement: Q) -> impl Future<Output = QueryResult<usize>> + Send
    where
        Q: QueryFragment<Self::Backend> + QueryId + Send;

    /// Asks the database's catalog.
    fn columns(
        &mut self,
        question: &Question,
    ) -> impl Future<Output = QueryResult<Vec<Column>>> + Send;

    /// Runs a query of whole rows.
    fn load<M, E, ST, Q>(&mut self, query: Q) -> impl Future<Output = QueryResult<Vec<M>>> + Send
    where
        M: Selectable<Self::Backend, SelectExpression = E>
            + FromSqlRow<ST, Self::Backend>
            + Send
            + 'static,
        E: Expression<SqlType = ST> + QueryId,
        ST: SqlType + TypedExpressionType + 'static,
        Q: Query<SqlType = AsSelect<M, Self::Backend>>
            + QueryFragment<Self::Backend>
            + QueryId
            + Send,
        Self::Backend: QueryMetadata<AsSelect<M, Self::Backend>>;
}

/// The transaction of one save: the session's own, or a savepoint in the caller's.
///
/// Dropped before its [`end`](Self::end) (a panic, or an async save that is not awaited to its end) it gives the
/// connection up.
pub(crate) struct Saving<S: Session> {
    session: S,
    is_open: bool,
    is_own: bool,
    has_fired: bool,
}

impl<S: Session> Saving<S> {
    pub(crate) async fn begin(mut session: S) -> Result<Self, Error> {
        let is_own = !session.is_in_transaction()?;
        let mut saving = Self {
            session,
            is_open: true,
            is_own,
            has_fired: false,
        };
        let begun = saving.start().await;
        saving.is_open = begun.is_ok();
        begun.map(|()| saving)
    }

    async fn start(&mut self) -> Result<(), Error> {
        if self.is_own {
            return Ok(self.session.begin().await?);
        }
        self.session.begin_savepoint().await?;
        if let Some(sql) = S::Backend::IN_SAVEPOINT
            && let Err(error) = self.session.batch(sql).await
        {
            // What made it fail is told; that the savepoint is gone too would tell less.
            let _ = self.session.roll_back().await;
            return Err(S::Backend::savepoint_failed(error));
        }
        Ok(())
    }

    /// The session, in the transaction.
    pub(crate) fn session(&mut self) -> &mut S {
        &mut self.session
    }

    pub(crate) fn is_own(&self) -> bool {
        self.is_own
    }

    /// What runs in the session may put events into the outbox.
    pub(crate) fn may_have_fired(&mut self) {
        self.has_fired = true;
    }

    /// Keeps a plan's events in the outbox and its transitions in the history, ends what it settles, and tells those who
    /// are deleting the row what is left for them.
    pub(crate) async fn keep(&mut self, plan: &Plan, moment: &Moment) -> QueryResult<()> {
        insert_events(&plan.events, moment.now, &mut self.session).await?;
        insert_transitions(&plan.transitions, &mut self.session).await?;
        self.has_fired |= !plan.events.is_empty();
        for claim in &plan.claims {
            let tell = Tell::of::<S::Backend>(claim)?;
            self.session.execute(tell).await?;
        }
        if !plan.intents.is_empty() {
            let ended = DeleteIntents::of(&plan.intents);
            self.session.execute(ended).await?;
        }
        Ok(())
    }

    /// Rolls back and begins anew.
    pub(crate) async fn again(&mut self) -> Result<(), Error> {
        self.session.roll_back().await?;
        self.start().await
    }

    /// Commits what was saved; rolls back a save that failed.
    pub(crate) async fn end<R, E: From<DieselError>>(
        mut self,
        saved: Result<R, E>,
    ) -> Result<R, E> {
        let ended = match saved {
            Ok(saved) => self.session.commit().await.map(|()| saved).map_err(E::from),
            Err(error) => {
                // Where this fails too, the database has ended the transaction. The save's own error tells more.
                let _ = self.session.roll_back().await;
                Err(error)
            }
        };
        self.is_open = false;
        if ended.is_ok() && self.is_own && self.has_fired {
            celerysalt::outbox::wake();
        }
        ended
    }
}

impl<S: Session> Drop for Saving<S> {
    fn drop(&mut self) {
        if self.is_open {
            self.session.give_up();
        }
    }
}

/// Runs a save on a blocking session: the first poll ends it, since no step waits.
pub(crate) fn now<F: Future>(save: F) -> F::Output {
    let mut save = pin!(save);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(saved) = save.as_mut().poll(&mut context) {
            return saved;
        }
    }
}
