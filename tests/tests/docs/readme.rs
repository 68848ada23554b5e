//! Snippets of README.md.

use celerysalt::prelude::*;
use celerysalt_sea_orm::{ExactDecimal, FollowSave, Rules};
use rust_decimal::Decimal;
use sea_orm::entity::prelude::*;
use sea_orm::{DatabaseConnection, IntoActiveModel};
use serde_json::json;

use crate::events::{Mailer, SmtpError};

mod order {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "orders")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub status: String,
        pub amount: ExactDecimal,
        pub on_change_rules: Rules,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
}

async fn all(db: DatabaseConnection, id: Uuid) -> Result<(), Box<dyn std::error::Error>> {
    #[event("order.paid")]                       // typed; its JSON Schema is in the catalog before main() runs
    pub struct OrderPaid { pub order_id: Uuid, pub amount: Decimal }

    #[subscribe("order.paid", autoretry_for = [SmtpError], retry_backoff = true, max_retries = 5)]
    async fn send_receipt(paid: OrderPaid, State(mailer): State<Mailer>) -> Result<(), SmtpError> {
        mailer.send("receipt", &paid.order_id.to_string()).await
    }

    let mut order = order::Entity::find_by_id(id).one(&db).await?.expect("the order exists");
    order.on_change_rules.push(
        Rule::when(order::Model::STATUS).eql("paid")
            .emit::<OrderPaid>(json!({"order_id": "{{ id }}", "amount": "{{ amount }}"}))
            .once(),
    );
    order.into_active_model().update_and_follow(&db).await?;
    Ok(())
}
