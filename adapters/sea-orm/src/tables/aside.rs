//! What is handed from one hook to the next through `celerysalt_pending`, within one transaction.

use celerysalt::event::Envelope;
use celerysalt::follow::Plan;
use celerysalt::follow::note::Claim;
use celerysalt::history::Transition;
use sea_orm::{ConnectionTrait, DbErr};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::pending::{self, Intent};
use super::{is_there, to_json};

/// A plan as it stands in the place of a row's key, where [`recover`](crate::recover) finds nothing to fire: it is never
/// committed, unless a caller goes on after a delete that failed.
#[derive(Serialize, Deserialize)]
struct Aside {
    events: Vec<Envelope>,
    transitions: Vec<Transition>,
    intents: Vec<Uuid>,
    claims: Vec<Claim>,
}

/// Puts a delete's plan aside under an id that is not used for anything else.
pub(crate) async fn put_aside<C: ConnectionTrait>(
    db: &C,
    mut intent: Intent,
    plan: &Plan,
) -> Result<(), DbErr> {
    let aside = Aside {
        events: plan.events.clone(),
        transitions: plan.transitions.clone(),
        intents: plan.intents.clone(),
        claims: plan.claims.clone(),
    };
    intent.row_key = Some(to_json(&aside)?);
    match pending::insert_intent(db, &intent).await {
        Err(error) if is_there(&error) => {
            pending::delete_intents(db, &[intent.id]).await?;
            pending::insert_intent(db, &intent).await
        }
        other => other,
    }
}

/// Takes it back.
pub(crate) async fn take_aside<C: ConnectionTrait>(
    db: &C,
    id: Uuid,
) -> Result<Option<Plan>, DbErr> {
    let Some(intent) = pending::intent(db, id).await? else {
        return Ok(None);
    };
    pending::delete_intents(db, &[id]).await?;
    let aside: Aside = serde_json::from_value(intent.row_key.unwrap_or_default())
        .map_err(|error| DbErr::Json(error.to_string()))?;
    Ok(Some(Plan {
        events: aside.events,
        transitions: aside.transitions,
        intents: aside.intents,
        claims: aside.claims,
        rules: None,
    }))
}
