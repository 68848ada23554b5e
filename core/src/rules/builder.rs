//! Rules written in Rust: `Rule::when("status").eql("paid").emit::<OrderPaid>(json!({…})).once()`.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use uuid::Uuid;

use super::document::{Edge, Rule, Was};
use super::guard::{Guard, GuardField};
use super::operand::normalized;
use super::{Operand, Operator};
use crate::event::Event;
use crate::model::{Field, Operation};

/// The name of a field, or a dotted path into a JSON field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldName(String);

impl FieldName {
    /// The name as rules write it.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl From<&str> for FieldName {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl From<String> for FieldName {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl<M> From<Field<M>> for FieldName {
    fn from(field: Field<M>) -> Self {
        Self(field.name().to_owned())
    }
}

impl<M> Field<M> {
    /// A path inside this JSON field: `Order::METADATA.path("address.city")`.
    pub fn path(self, path: &str) -> FieldName {
        FieldName(format!("{}.{path}", self.name()))
    }
}

/// A field that waits for its operator; made by [`Rule::when`].
#[derive(Debug, Clone)]
#[must_use = "an operator's method and `emit` make it a rule"]
pub struct RuleField(String);

impl RuleField {
    fn is(self, operator: Operator, value: Operand) -> RuleDraft {
        RuleDraft(Rule {
            id: Uuid::now_v7().to_string(),
            field_name: self.0,
            operator,
            value: normalized(operator, value),
            event_class: String::new(),
            event_data: Json::Object(serde_json::Map::new()),
            persist: false,
            was: None,
            edge: Edge::Change,
            on: vec![Operation::Update],
            when: None,
            enabled: true,
            expires_at: None,
            description: None,
        })
    }
}

/// A rule that waits for its event; `emit` or `emit_topic` makes it a [`Rule`].
#[derive(Debug, Clone)]
#[must_use = "`emit` makes it a rule"]
pub struct RuleDraft(Rule);

impl RuleDraft {
    /// The event to emit, with its data: literal JSON with `{{ expression }}` in its strings.
    pub fn emit<E: Event>(self, data: Json) -> Rule {
        self.emit_topic(E::TOPIC, data)
    }

    /// The event to emit by topic (or type name), for events that have no Rust type here.
    pub fn emit_topic(self, event_class: impl Into<String>, data: Json) -> Rule {
        Rule {
            event_class: event_class.into(),
            event_data: data,
            ..self.0
        }
    }
}

impl Rule {
    /// Begins a rule on a field (or a dotted path into a JSON field).
    pub fn when(field: impl Into<FieldName>) -> RuleField {
        RuleField(field.into().into_string())
    }

    /// The rule goes once it has fired (the default).
    #[must_use]
    pub fn once(mut self) -> Self {
        self.persist = false;
        self
    }

    /// The rule stays and fires again at the next change.
    #[must_use]
    pub fn persistent(mut self) -> Self {
        self.persist = true;
        self
    }
}

macro_rules! operators {
    ($builder:ty, $out:ty) => {
        impl $builder {
            /// Equals `value`; `Option::None` asks for null.
            pub fn eql(self, value: impl Into<Operand>) -> $out {
                self.is(Operator::Eql, value.into())
            }
            /// Does not equal `value`.
            pub fn neq(self, value: impl Into<Operand>) -> $out {
                self.is(Operator::Neq, value.into())
            }
            /// Is greater than `value`.
            pub fn gt(self, value: impl Into<Operand>) -> $out {
                self.is(Operator::Gt, value.into())
            }
            /// Is greater than `value` or equal.
            pub fn gte(self, value: impl Into<Operand>) -> $out {
                self.is(Operator::Gte, value.into())
            }
            /// Is less than `value`.
            pub fn lt(self, value: impl Into<Operand>) -> $out {
                self.is(Operator::Lt, value.into())
            }
            /// Is less than `value` or equal.
            pub fn lte(self, value: impl Into<Operand>) -> $out {
                self.is(Operator::Lte, value.into())
            }
            /// Lies between the two, both included.
            pub fn between(self, low: impl Into<Operand>, high: impl Into<Operand>) -> $out {
                let range = Operand::List(vec![low.into(), high.into()]);
                self.is(Operator::Between, range)
            }
            /// Equals one of these.
            pub fn is_in<V: Into<Operand>>(self, values: impl IntoIterator<Item = V>) -> $out {
                let list = Operand::List(values.into_iter().map(Into::into).collect());
                self.is(Operator::In, list)
            }
            /// Is there and equals none of these.
            pub fn not_in<V: Into<Operand>>(self, values: impl IntoIterator<Item = V>) -> $out {
                let list = Operand::List(values.into_iter().map(Into::into).collect());
                self.is(Operator::NotIn, list)
            }
            /// Contains this substring, element or key.
            pub fn contains(self, value: impl Into<Operand>) -> $out {
                self.is(Operator::Contains, value.into())
            }
            /// Is there and does not contain it.
            pub fn not_contains(self, value: impl Into<Operand>) -> $out {
                self.is(Operator::NotContains, value.into())
            }
            /// Starts with this text.
            pub fn starts_with(self, value: impl Into<Operand>) -> $out {
                self.is(Operator::StartsWith, value.into())
            }
            /// Ends with this text.
            pub fn ends_with(self, value: impl Into<Operand>) -> $out {
                self.is(Operator::EndsWith, value.into())
            }
            /// The regular expression matches somewhere in it.
            pub fn matches(self, pattern: impl Into<Operand>) -> $out {
                self.is(Operator::Matches, pattern.into())
            }
            /// Is null.
            pub fn is_null(self) -> $out {
                self.is(Operator::IsNull, Operand::Literal(Json::Null))
            }
            /// Is not null.
            pub fn not_null(self) -> $out {
                self.is(Operator::NotNull, Operand::Literal(Json::Null))
            }
            /// Differs from the old row's.
            pub fn changed(self) -> $out {
                self.is(Operator::Changed, Operand::Literal(Json::Null))
            }
            /// Is the same as the old row's.
            pub fn unchanged(self) -> $out {
                self.is(Operator::Unchanged, Operand::Literal(Json::Null))
            }
            /// Is greater than the old row's.
            pub fn increased(self) -> $out {
                self.is(Operator::Increased, Operand::Literal(Json::Null))
            }
            /// Is less than the old row's.
            pub fn decreased(self) -> $out {
                self.is(Operator::Decreased, Operand::Literal(Json::Null))
            }
            /// Is greater than the old row's by at least `amount`.
            pub fn increased_by(self, amount: impl Into<Operand>) -> $out {
                self.is(Operator::IncreasedBy, amount.into())
            }
            /// Is less than the old row's by at least `amount`.
            pub fn decreased_by(self, amount: impl Into<Operand>) -> $out {
                self.is(Operator::DecreasedBy, amount.into())
            }
        }
    };
}
operators!(RuleField, RuleDraft);
operators!(GuardField, Guard);

macro_rules! modifiers {
    ($ty:ty, |$self:ident| $rule:expr) => {
        impl $ty {
            /// The old value of the field must equal this.
            #[must_use = "the rule is taken and handed back"]
            pub fn was(mut $self, value: impl Into<Operand>) -> Self {
                let value = normalized(Operator::Eql, value.into());
                $rule.was = Some(Was::Equals(value));
                $self
            }
            /// The old value of the field must satisfy this.
            #[must_use = "the rule is taken and handed back"]
            pub fn was_matching(mut $self, operator: Operator, value: impl Into<Operand>) -> Self {
                let value = normalized(operator, value.into());
                $rule.was = Some(Was::Matches { operator, value });
                $self
            }
            /// Fires when the operator holds and did not hold before.
            #[must_use = "the rule is taken and handed back"]
            pub fn enter(mut $self) -> Self {
                $rule.edge = Edge::Enter;
                $self
            }
            /// Fires whenever the operator holds at a save.
            #[must_use = "the rule is taken and handed back"]
            pub fn level(mut $self) -> Self {
                $rule.edge = Edge::Level;
                $self
            }
            /// The operations at which the rule is looked at.
            #[must_use = "the rule is taken and handed back"]
            pub fn on(mut $self, operations: impl IntoIterator<Item = Operation>) -> Self {
                $rule.on = super::document::ordered(operations);
                $self
            }
            /// What else must hold.
            #[must_use = "the rule is taken and handed back"]
            pub fn guard(mut $self, guard: Guard) -> Self {
                $rule.when = Some(guard);
                $self
            }
            /// Words for people.
            #[must_use = "the rule is taken and handed back"]
            pub fn describe(mut $self, description: impl Into<String>) -> Self {
                $rule.description = Some(description.into());
                $self
            }
            /// From this instant on the rule does not fire.
            #[must_use = "the rule is taken and handed back"]
            pub fn expires_at(mut $self, at: DateTime<Utc>) -> Self {
                $rule.expires_at = Some(at);
                $self
            }
            /// An id of one's own in place of the generated one.
            #[must_use = "the rule is taken and handed back"]
            pub fn id(mut $self, id: impl Into<String>) -> Self {
                $rule.id = id.into();
                $self
            }
        }
    };
}
modifiers!(RuleDraft, |self| self.0);
modifiers!(Rule, |self| self);
