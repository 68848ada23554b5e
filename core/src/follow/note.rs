//! The note that a save without a transaction (SeaORM's, on a bare pool) leaves in the row's own rules column, until what
//! it holds is moved to the outbox. Every adapter must know it: a delete takes it away with the row.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Moment, Plan};
use crate::chain::Chain;
use crate::clock;
use crate::event::Envelope;
use crate::history::Transition;
use crate::rules::Rules;

/// After this time the saver that announced something and shows nothing of it is gone for good.
const STALE: TimeDelta = TimeDelta::minutes(10);

/// What databases tell apart.
const TICK: TimeDelta = TimeDelta::microseconds(1);

/// So long a claim to delete keeps other deletes from making their own: the delete follows it at once.
const CLAIM_STANDS: TimeDelta = TimeDelta::seconds(10);

/// What a row carries beside its rules.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Note {
    /// What a save has left to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub save: Option<Save>,
    /// A delete that is on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
}

/// A save whose events are still to be moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Save {
    /// The intent in `celerysalt_pending`.
    pub id: Uuid,
    /// What is left to do for it.
    #[serde(flatten)]
    pub left: Left,
    /// The transitions of that save: they move with its events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<Transition>,
    /// Who saved, for transitions that are still to be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// When, for rules that are still to be evaluated: whoever does that, however much later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
}

/// What is left to do for a save.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// These events fired with the statement that wrote the note; they go to the outbox.
    Events(Vec<Envelope>),
    /// The row was inserted in this chain; its on-insert rules are to be evaluated.
    Inserted(Chain),
}

/// The row is about to be deleted by a statement that looks at nothing but its key. Until then whoever changes the row
/// changes with it what fires.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The intent in `celerysalt_pending`: what it keeps fires when the row is gone.
    pub id: Uuid,
    /// When it was evaluated; each evaluation is later than the one before, whatever the clocks say. (An earlier version
    /// did not tell.)
    #[serde(default)]
    pub at: DateTime<Utc>,
    /// The chain that the delete continues.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub chain: Chain,
    /// Who deletes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// What fires when the row is gone.
    pub events: Vec<Envelope>,
    /// The transitions of that delete: they move with its events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<Transition>,
}

fn is_empty(chain: &Chain) -> bool {
    *chain == Chain::default()
}

/// Why a note cannot be read: another version wrote it, or a hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the row's rules column carries a `celerysalt` note that this version cannot read ({reason:?} error), and it may \
     hold events: let the version that wrote it save the row or run `recover`, or take the note out by hand"
)]
pub struct UnreadableNote {
    /// What kind of misfit it is.
    pub reason: serde_json::error::Category,
}

impl From<serde_json::Error> for UnreadableNote {
    /// Without serde's own message, which may quote the data of an event.
    fn from(error: serde_json::Error) -> Self {
        let reason = error.classify();
        Self { reason }
    }
}

impl Note {
    /// The note in a row's rules; empty when there is none.
    ///
    /// # Errors
    /// When it cannot be read: it may hold events, which a save that went on would lose.
    pub fn of(rules: &Rules) -> Result<Self, UnreadableNote> {
        let Some(note) = rules.note() else {
            return Ok(Self::default());
        };
        Ok(serde_json::from_value(note.clone())?)
    }

    /// Puts the note into the rules of a row, or takes it out when it is empty.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put(&self, rules: &mut Rules) -> Result<(), UnreadableNote> {
        let note = match self {
            Self {
                save: None,
                claim: None,
            } => None,
            some => Some(serde_json::to_value(some)?),
        };
        rules.set_note(note);
        Ok(())
    }

    /// Takes out what stands for an intent; whether there was anything.
    pub fn take_out(&mut self, intent: Uuid) -> bool {
        let save = self.save.take_if(|save| save.id == intent);
        let claim = self.claim.take_if(|claim| claim.id == intent);
        save.is_some() || claim.is_some()
    }
}

impl Save {
    /// Events that fired with the statement that writes the note.
    pub fn fired(id: Uuid, events: Vec<Envelope>, transitions: Vec<Transition>) -> Self {
        Self {
            id,
            left: Left::Events(events),
            transitions,
            actor: None,
            at: None,
        }
    }

    /// A row that is inserted at this moment, with the statement that writes the note.
    pub fn inserted(id: Uuid, moment: Moment) -> Self {
        Self {
            id,
            left: Left::Inserted(moment.chain),
            transitions: Vec::new(),
            actor: moment.actor,
            at: Some(moment.now),
        }
    }
}

impl Claim {
    /// A claim for the delete that was planned at this moment.
    pub fn of(id: Uuid, plan: &Plan, moment: &Moment) -> Self {
        Self {
            id,
            at: moment.now + TICK,
            chain: moment.chain.clone(),
            actor: moment.actor.clone(),
            events: plan.events.clone(),
            transitions: plan.transitions.clone(),
        }
    }

    /// The same claim for what was planned later.
    #[must_use]
    pub fn again(&self, plan: &Plan, moment: &Moment) -> Self {
        let next = Self::of(self.id, plan, moment);
        Self {
            at: next.at.max(self.at + TICK),
            ..next
        }
    }

    /// The same claim of the same deleter, for which there is nothing left to tell.
    #[must_use]
    pub fn told(&self, now: DateTime<Utc>) -> Self {
        self.again(&Plan::default(), &self.moment(now))
    }

    /// The moment of the delete that is on its way.
    pub(super) fn moment(&self, now: DateTime<Utc>) -> Moment {
        Moment {
            now,
            chain: self.chain.clone(),
            actor: self.actor.clone(),
        }
    }

    /// Whether its delete may still come.
    pub fn stands(&self, now: DateTime<Utc>) -> bool {
        claim_stands(self.id, now)
    }

    /// Whether it tells of a delete what a plan of it tells.
    pub fn tells(&self, plan: &Plan) -> bool {
        let event = |event: &Envelope| {
            let Envelope {
                topic,
                version,
                payload,
                ..
            } = event.clone();
            (topic, version, payload, event.meta.rule_id.clone())
        };
        let transition = |transition: &Transition| {
            let Transition { field, old, .. } = transition.clone();
            (field, old, transition.rule_id.clone())
        };
        self.events
            .iter()
            .map(event)
            .eq(plan.events.iter().map(event))
            && (self.transitions.iter().map(transition)).eq(plan.transitions.iter().map(transition))
    }

    /// What its intent is to keep, as JSON.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn kept(&self) -> serde_json::Result<Json> {
        let events = serde_json::to_value(&self.events)?;
        let transitions = serde_json::to_value(&self.transitions)?;
        Ok(json!({"events": events, "transitions": transitions}))
    }
}

/// Whether the delete that an intent announces may still come.
pub fn claim_stands(intent: Uuid, now: DateTime<Utc>) -> bool {
    age(intent, now).is_some_and(|age| age < CLAIM_STANDS)
}

/// Whether an intent is so old that its saver is gone.
pub fn is_stale(intent: Uuid, now: DateTime<Utc>) -> bool {
    age(intent, now).is_none_or(|age| age >= STALE)
}

fn age(intent: Uuid, now: DateTime<Utc>) -> Option<TimeDelta> {
    let (seconds, nanos) = intent.get_timestamp()?.to_unix();
    let made = DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)?;
    Some(now - made)
}

/// A new intent's id, which tells when it was made.
pub fn new_intent(now: DateTime<Utc>) -> Uuid {
    clock::id_at(now)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn moment(actor: Option<&str>) -> Moment {
        Moment {
            now: DateTime::UNIX_EPOCH,
            chain: Chain::default(),
            actor: actor.map(str::to_owned),
        }
    }

    #[test]
    fn a_note_is_small_json_that_comes_back() {
        let note = Note {
            save: Some(Save::inserted(Uuid::nil(), moment(None))),
            claim: None,
        };
        let mut rules = Rules::new();
        note.put(&mut rules).unwrap();
        assert_eq!(
            rules.to_json(),
            concat!(
                r#"[{"celerysalt":{"save":{"at":"1970-01-01T00:00:00Z","#,
                r#""id":"00000000-0000-0000-0000-000000000000","inserted":{}}}}]"#
            )
        );
        assert_eq!(Note::of(&rules), Ok(note));
        Note::default().put(&mut rules).unwrap();
        assert_eq!(rules.to_json(), "[]");
    }

    #[test]
    fn a_note_carries_who_saved_and_what_is_history() {
        let transition = Transition {
            id: Uuid::nil(),
            model: "order".to_owned(),
            aggregate: "order:1".to_owned(),
            operation: crate::model::Operation::Update,
            field: "status".to_owned(),
            old: "new".into(),
            new: "paid".into(),
            rule_id: None,
            event_id: None,
            actor: Some("ada".to_owned()),
            at: DateTime::UNIX_EPOCH,
            correlation_id: None,
        };
        let inserted = Save::inserted(Uuid::nil(), moment(Some("ada")));
        let fired = Save::fired(Uuid::nil(), Vec::new(), vec![transition.clone()]);
        let plan = Plan {
            transitions: vec![transition],
            ..Plan::default()
        };
        for save in [inserted, fired] {
            let note = Note {
                save: Some(save),
                claim: Some(Claim::of(Uuid::nil(), &plan, &moment(Some("ada")))),
            };
            let mut rules = Rules::new();
            note.put(&mut rules).unwrap();
            assert_eq!(Note::of(&Rules::loaded(&rules.to_json())), Ok(note));
        }
        let old = r#"[{"celerysalt": {"save": {"id": "00000000-0000-0000-0000-000000000000", "events": []}}}]"#;
        let read = Note::of(&Rules::loaded(old)).unwrap();
        assert_eq!(
            read.save,
            Some(Save::fired(Uuid::nil(), Vec::new(), Vec::new()))
        );
    }

    #[test]
    fn a_note_that_cannot_be_read_is_an_error_that_tells_no_data() {
        let rules = Rules::loaded(r#"[{"celerysalt": {"save": "secret"}}]"#);
        let refused = Note::of(&rules).unwrap_err().to_string();
        assert!(
            refused.contains("note") && !refused.contains("secret"),
            "{refused}"
        );
    }

    #[test]
    fn an_intent_tells_its_age() {
        let made = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let claim = Claim::of(new_intent(made), &Plan::default(), &moment(None));
        assert!(claim.stands(made + TimeDelta::seconds(9)));
        assert!(!claim.stands(made + TimeDelta::seconds(10)));
        assert!(!is_stale(claim.id, made + TimeDelta::minutes(9)));
        assert!(is_stale(claim.id, made + TimeDelta::minutes(10)));
    }

    #[test]
    fn an_evaluation_is_later_than_the_one_before_whatever_the_clock_says() {
        let claim = Claim::of(Uuid::nil(), &Plan::default(), &moment(None));
        let mut earlier = moment(None);
        earlier.now -= TimeDelta::hours(1);
        let again = claim.again(&Plan::default(), &earlier);
        assert_eq!(again.at, claim.at + TICK);
        assert!(again.told(earlier.now).at > again.at);
    }
}
