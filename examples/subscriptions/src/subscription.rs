//! A subscription: a SeaORM entity whose rules say what its states mean.

use celerysalt::prelude::FollowActions;
use celerysalt_sea_orm::Rules;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::entity::prelude::*;

use crate::events::{Abandoned, Activated, Cancelled, StatusChanged};

/// A customer's subscription.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
#[sea_orm(table_name = "subscriptions")]
#[follow(name = "subscription", events = [Activated, Abandoned, Cancelled, StatusChanged])]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub customer: String,
    pub status: Status,
    pub monthly_cents: i64,
    pub on_change_rules: Rules,
}

/// Where it stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
pub enum Status {
    Trial,
    Active,
    Cancelled,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

/// A trial, with the rules of one.
pub fn trial(customer: &str) -> ActiveModel {
    ActiveModel {
        id: Set(Uuid::now_v7()),
        customer: Set(customer.to_owned()),
        status: Set(Status::Trial),
        monthly_cents: Set(990),
        on_change_rules: Set(Rules::from_json(include_str!("../rules/trial.json"))),
    }
}

/// A new status for a subscription, which need not be loaded for it.
pub fn with_status(id: Uuid, status: Status) -> ActiveModel {
    ActiveModel {
        id: Unchanged(id),
        status: Set(status),
        ..Default::default()
    }
}

impl Model {
    /// The rules of an active subscription instead of those of a trial that can no longer come true.
    pub fn rules_once_active(&self) -> Rules {
        let mut rules = self.on_change_rules.clone();
        rules.remove("abandoned");
        let active = Rules::from_json(include_str!("../rules/active.json"));
        rules.extend(active.iter().cloned());
        rules
    }
}
