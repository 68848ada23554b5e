//! An insert without a transaction.

use celerysalt::model::Operation;
use celerysalt::rules::Rules as CoreRules;
use sea_orm::{ActiveValue, ConnectionTrait, DbErr};

use super::{ATTEMPTS, contended, intent, mover, with_save};
use crate::entity::Follow;
use crate::key::Key;
use crate::note::{self, Save};
use crate::plan::{self, Moment};
use crate::{row, tables};

/// The hook before an insert. When a rule follows inserts, the row is inserted with a note, since what the
/// database makes of it (defaults, its key) is only known afterwards.
pub(crate) async fn before_insert<E: Follow, C: ConnectionTrait>(
    db: &C,
    mut model: E::ActiveModel,
) -> Result<E::ActiveModel, DbErr> {
    let rules = match E::active_rules_mut(&mut model) {
        ActiveValue::Set(rules) | ActiveValue::Unchanged(rules) => (**rules).clone(),
        ActiveValue::NotSet => CoreRules::new(),
    };
    if !plan::follows::<E>(&rules, Operation::Insert) {
        return Ok(model);
    }
    let moment = Moment::current();
    let id = note::new_intent(moment.now);
    let key = Key::<E>::of_active(&model);
    let announced = intent::<E>(id, key.as_ref(), "insert", moment.now);
    tables::insert_intent(db, &announced).await?;
    let noted = with_save(&rules, Save::inserted(id, moment))?;
    *E::active_rules_mut(&mut model) = ActiveValue::Set(noted.into());
    Ok(model)
}

/// The hook after an insert: evaluates the row that the note stands in, and moves what fires.
pub(crate) async fn after_insert<E: Follow, C: ConnectionTrait>(
    db: &C,
    mut model: E::Model,
) -> Result<E::Model, DbErr> {
    let Some(save) = note::of(E::rules(&model))?.save else {
        return Ok(model);
    };
    let moment = Moment::current();
    let refused = moment
        .is_too_deep()
        .then(|| plan::insert::<E>(&model, &moment));
    let key = Key::<E>::of_model(&model);
    match settled::<E, C>(db, &key).await {
        Ok(Some(rules)) => *E::rules_mut(&mut model) = rules.into(),
        Ok(None) => E::rules_mut(&mut model).set_note(None),
        Err(error) => {
            mover::report::<E>(save.id, &error);
            E::rules_mut(&mut model).set_note(None);
        }
    }
    // The row is there and its rules will not fire: the caller must know.
    refused.transpose().map(|_| model)
}

/// Settles the row's note; the rules as they stand then, `None` when the row is gone.
async fn settled<E: Follow, C: ConnectionTrait>(
    db: &C,
    key: &Key<E>,
) -> Result<Option<CoreRules>, DbErr> {
    for _ in 0..ATTEMPTS {
        let Some((old, seen)) = row::seen::<E, C>(db, key).await? else {
            return Ok(None);
        };
        let moment = Moment::current();
        if let Some((old, _)) = mover::settled::<E, C>(db, old, seen, &moment).await? {
            return Ok(Some((**E::rules(&old)).clone()));
        }
        tokio::task::yield_now().await;
    }
    Err(contended::<E>())
}
