//! Models whose tables the tests make as they need them.

use celerysalt::event;

/// An account has much.
#[event("account.rich")]
pub(crate) struct AccountRich {
    /// How much.
    pub(crate) balance: i64,
}

/// A booking was made.
#[event("booking.made")]
pub(crate) struct BookingMade {
    /// Where.
    pub(crate) room: String,
    /// When.
    pub(crate) day: i32,
}

/// An account whose rules column has another name.
pub(crate) mod account {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "accounts")]
    #[follow(name = "account", rules = "rules")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: i32,
        pub(crate) balance: i32,
        #[sea_orm(column_name = "rules_of_row")]
        pub(crate) rules: Rules,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}
}

/// A booking: a key of two columns, and names in the table that are not the model's.
pub(crate) mod booking {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "bookings")]
    #[follow(rules = "reactions")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) room: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) day: i32,
        #[sea_orm(column_name = "state")]
        pub(crate) status: String,
        #[sea_orm(column_name = "on_change")]
        pub(crate) reactions: Rules,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}
}
