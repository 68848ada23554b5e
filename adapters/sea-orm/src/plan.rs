//! What a save does beside writing its columns: found by evaluating rules, before anything is written.

use celerysalt::chain::Chain;
use celerysalt::event::Envelope;
use celerysalt::follow;
pub(crate) use celerysalt::follow::Moment;
use celerysalt::model::{Change, Operation, Row};
use celerysalt::rules::{self, Env, Rule, RuleSets, Rules as CoreRules};
use sea_orm::{ActiveValue, DbErr};
use uuid::Uuid;

use crate::attach;
use crate::entity::Follow;
use crate::error::FollowError;
use crate::key::Key;
use crate::note::{self, Left, Save};

/// What comes with a save.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The events that fire, to be kept once the row is written.
    pub(crate) events: Vec<Envelope>,
    /// What the rules column is to hold, when it changes.
    pub(crate) rules: Option<CoreRules>,
    /// Intents that end with this save, since it settles what they announce.
    pub(crate) intents: Vec<Uuid>,
}

impl Plan {
    /// Nothing is left but the caller's own columns.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.rules.is_none() && self.intents.is_empty()
    }
}

/// The rules that the caller sets, if any: written by `Set`, or edited in place after loading.
pub(crate) fn callers_rules<E: Follow>(model: &mut E::ActiveModel) -> Option<CoreRules> {
    match E::active_rules_mut(model) {
        ActiveValue::Set(rules) => Some((**rules).clone()),
        ActiveValue::Unchanged(rules) if rules.is_modified() => Some((**rules).clone()),
        _ => None,
    }
}

/// Whether a rule of a row, or of the code, looks at an operation.
pub(crate) fn follows<E: Follow>(rules: &CoreRules, operation: Operation) -> bool {
    let looks = |rule: &Rule| rule.enabled && rule.on.contains(&operation);
    rules.iter().any(looks) || E::followed().def.rules().iter().any(looks)
}

/// Plans an update of a row that is locked, or will be guarded.
pub(crate) fn update<E: Follow>(
    old: &E::Model,
    model: &mut E::ActiveModel,
    moment: &Moment,
) -> Result<Plan, DbErr> {
    let callers = callers_rules::<E>(model);
    let followed = E::followed();
    let new = followed.written(&followed.row(old), model);
    changed::<E>(old, &new, callers.as_ref(), moment)
}

/// Plans an update of a locked row, by what it becomes.
pub(crate) fn changed<E: Follow>(
    old: &E::Model,
    new: &Row,
    callers: Option<&CoreRules>,
    moment: &Moment,
) -> Result<Plan, DbErr> {
    let stored: &CoreRules = E::rules(old);
    let followed = E::followed();
    let mut rules = match callers {
        Some(callers) => attach::merged::<E>(stored, callers)?,
        None => stored.clone(),
    };
    let nothing = rules.is_empty() && followed.def.rules().is_empty() && callers.is_none();
    if nothing && stored.note().is_none() {
        return Ok(Plan::default());
    }
    let key = Key::<E>::of_model(old).aggregate();
    let row = followed.row(old);
    let mut plan = Plan::default();
    settle::<E>(&mut rules, &row, &key, moment, &mut plan)?;
    let change = Change {
        operation: Operation::Update,
        old: Some(&row),
        new,
        aggregate: &key,
    };
    fire::<E>(&change, &mut rules, moment, &moment.chain, &mut plan)?;
    plan.rules = differs(&rules, stored).then_some(rules);
    Ok(plan)
}

/// Refuses an insert whose on-insert rules would fire too deep in a chain, before anything is written. What
/// the database will make of the row is not known here, so this is a look ahead and not the evaluation.
pub(crate) fn check_chain<E: Follow>(
    model: &E::ActiveModel,
    rules: &CoreRules,
) -> Result<(), DbErr> {
    let moment = Moment::current();
    if !moment.is_too_deep() || !follows::<E>(rules, Operation::Insert) {
        return Ok(());
    }
    let followed = E::followed();
    let row = followed.written(&followed.unwritten(), model);
    let mut ahead = Plan::default();
    inserted::<E>(
        &row,
        "",
        &mut rules.clone(),
        &moment,
        &moment.chain,
        &mut ahead,
    )
}

/// Plans what follows an insert: `model` is the row as the database holds it.
pub(crate) fn insert<E: Follow>(model: &E::Model, moment: &Moment) -> Result<Plan, DbErr> {
    let stored: &CoreRules = E::rules(model);
    let mut rules = stored.clone();
    rules.set_note(None);
    let mut plan = Plan {
        intents: note::of(stored)?
            .save
            .map(|save| save.id)
            .into_iter()
            .collect(),
        ..Plan::default()
    };
    let key = Key::<E>::of_model(model).aggregate();
    let row = E::followed().row(model);
    inserted::<E>(&row, &key, &mut rules, moment, &moment.chain, &mut plan)?;
    plan.rules = differs(&rules, stored).then_some(rules);
    Ok(plan)
}

/// Plans a delete of a row that is locked, or will be claimed.
pub(crate) fn delete<E: Follow>(old: &E::Model, moment: &Moment) -> Result<Plan, DbErr> {
    let mut plan = Plan::default();
    let stored: &CoreRules = E::rules(old);
    let mut rules = stored.clone();
    let key = Key::<E>::of_model(old).aggregate();
    let row = E::followed().row(old);
    let claim = note::of(stored)?
        .claim
        .filter(|claim| claim.stands(moment.now));
    settle::<E>(&mut rules, &row, &key, moment, &mut plan)?;
    if let Some(claim) = claim {
        // Another is deleting the row: whoever does it, the claim's events fire.
        plan.intents.push(claim.id);
        plan.events.extend(claim.events);
        return Ok(plan);
    }
    let change = Change {
        operation: Operation::Delete,
        old: Some(&row),
        new: &row,
        aggregate: &key,
    };
    fire::<E>(&change, &mut rules, moment, &moment.chain, &mut plan)?;
    Ok(plan)
}

/// Takes over what earlier saves without a transaction have left in the row.
pub(crate) fn settle<E: Follow>(
    rules: &mut CoreRules,
    row: &Row,
    key: &str,
    moment: &Moment,
    plan: &mut Plan,
) -> Result<(), DbErr> {
    let mut note = note::of(rules)?;
    if let Some(save) = note.save.take() {
        settle_save::<E>(save, rules, row, key, moment, plan);
    }
    let abandoned = note.claim.take_if(|claim| !claim.stands(moment.now));
    plan.intents.extend(abandoned.map(|claim| claim.id));
    note::put(&note, rules)
}

fn settle_save<E: Follow>(
    save: Save,
    rules: &mut CoreRules,
    row: &Row,
    key: &str,
    moment: &Moment,
    plan: &mut Plan,
) {
    plan.intents.push(save.id);
    match save.left {
        Left::Events(events) => plan.events.extend(events),
        Left::Inserted(chain) => {
            let evaluated = inserted::<E>(row, key, rules, moment, &chain, plan);
            if let Err(error) = evaluated {
                // The insert is long committed; its chain was too deep, and no later save is to fail for it.
                tracing::error!(model = E::NAME, row = key, %error, "on-insert rules are not followed");
            }
        }
    }
}

fn inserted<E: Follow>(
    row: &Row,
    key: &str,
    rules: &mut CoreRules,
    moment: &Moment,
    chain: &Chain,
    plan: &mut Plan,
) -> Result<(), DbErr> {
    let change = Change {
        operation: Operation::Insert,
        old: None,
        new: row,
        aggregate: key,
    };
    fire::<E>(&change, rules, moment, chain, plan)
}

fn fire<E: Follow>(
    change: &Change<'_>,
    rules: &mut CoreRules,
    moment: &Moment,
    chain: &Chain,
    plan: &mut Plan,
) -> Result<(), DbErr> {
    let sets = RuleSets {
        row: rules,
        others: &[],
    };
    let env = Env {
        now: moment.now,
        chain,
        schemas: follow::linked_events(),
    };
    let evaluated = rules::evaluate(&E::followed().def, change, &sets, &env);
    let evaluation = evaluated.map_err(|error| {
        let model = E::NAME.to_owned();
        DbErr::from(FollowError::from(follow::FollowError::Evaluate {
            model,
            error,
        }))
    })?;
    for spent in &evaluation.spent {
        rules.remove(spent);
    }
    plan.events.extend(evaluation.events);
    Ok(())
}

/// Whether the column would hold something else.
fn differs(rules: &CoreRules, stored: &CoreRules) -> bool {
    rules.is_modified() || rules.note() != stored.note()
}
