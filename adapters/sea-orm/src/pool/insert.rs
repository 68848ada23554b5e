//! An insert without a transaction.

use celerysalt::model::Operation;
use celerysalt::rules::Rules as CoreRules;
use sea_orm::{ActiveValue, ConnectionTrait, DbErr};

use super::{ATTEMPTS, contended, intent, mover, with_note};
use crate::entity::Follow;
use crate::key::Key;
use crate::note::{self, Left, Note};
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
    let note = Note {
        id,
        left: Left::Inserted(moment.chain),
    };
    let noted = with_note(&rules, &note)?;
    *E::active_rules_mut(&mut model) = ActiveValue::Set(noted.into());
    Ok(model)
}

/// The hook after an insert: evaluates the row that the note stands in, and moves what fires.
pub(crate) async fn after_insert<E: Follow, C: ConnectionTrait>(
    db: &C,
    mut model: E::Model,
) -> Result<E::Model, DbErr> {
    let Some(note) = Note::of(E::rules(&model)) else {
        return Ok(model);
    };
    let key = Key::<E>::of_model(&model);
    match settled::<E, C>(db, &key).await {
        Ok(Some(rules)) => *E::rules_mut(&mut model) = rules.into(),
        Ok(None) => E::rules_mut(&mut model).set_note(None),
        Err(error) => {
            mover::report::<E>(note.id, &error);
            E::rules_mut(&mut model).set_note(None);
        }
    }
    Ok(model)
}

/// Settles the row's note; the rules as they stand then, `None` when the row is gone.
async fn settled<E: Follow, C: ConnectionTrait>(
    db: &C,
    key: &Key<E>,
) -> Result<Option<CoreRules>, DbErr> {
    let moment = Moment::current();
    for _ in 0..ATTEMPTS {
        let Some((old, seen)) = row::seen::<E, C>(db, key).await? else {
            return Ok(None);
        };
        match mover::left_by_another::<E>(&old, &moment) {
            Some(note) => mover::settle::<E, C>(db, old, &seen, note, &moment).await?,
            None => return Ok(Some((**E::rules(&old)).clone())),
        }
        tokio::task::yield_now().await;
    }
    Err(contended::<E>())
}
