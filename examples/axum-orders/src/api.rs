//! The HTTP API. Its handlers know models and rules, and nothing of brokers.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use celerysalt::rules::Rule;
use celerysalt_sea_orm::FollowSave;
use rust_decimal::Decimal;
use sea_orm::ActiveValue::Set;
use sea_orm::{DatabaseConnection, DbErr, EntityTrait, IntoActiveModel};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::order::{self, Model};

/// The routes over a database.
pub fn router(db: DatabaseConnection) -> Router {
    Router::new()
        .route("/orders", post(create))
        .route("/orders/{id}", get(show))
        .route("/orders/{id}/rules", post(attach))
        .route("/orders/{id}/status", post(change))
        .with_state(db)
}

#[derive(Deserialize)]
struct NewOrder {
    amount: Decimal,
}

async fn create(
    State(db): State<DatabaseConnection>,
    Json(new): Json<NewOrder>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let order = order::pending(new.amount).insert_and_follow(&db).await?;
    Ok((StatusCode::CREATED, view(&order)))
}

async fn show(
    State(db): State<DatabaseConnection>,
    Path(id): Path<Uuid>,
) -> Result<Json<Value>, Problem> {
    Ok(view(&load(&db, id).await?))
}

/// Attaches the rules of a JSON list; one that is wrong is refused with its path and remedy.
async fn attach(
    State(db): State<DatabaseConnection>,
    Path(id): Path<Uuid>,
    rules: String,
) -> Result<Json<Value>, Problem> {
    let rules = Rule::list_from_json(&rules).map_err(|wrong| DbErr::Custom(wrong.to_string()))?;
    let mut order = load(&db, id).await?;
    order.on_change_rules.extend(rules);
    Ok(view(
        &order.into_active_model().update_and_follow(&db).await?,
    ))
}

#[derive(Deserialize)]
struct Change {
    status: String,
}

async fn change(
    State(db): State<DatabaseConnection>,
    Path(id): Path<Uuid>,
    Json(change): Json<Change>,
) -> Result<Json<Value>, Problem> {
    let mut order = load(&db, id).await?.into_active_model();
    order.status = Set(change.status);
    Ok(view(&order.update_and_follow(&db).await?))
}

async fn load(db: &DatabaseConnection, id: Uuid) -> Result<Model, DbErr> {
    let order = order::Entity::find_by_id(id).one(db).await?;
    order.ok_or_else(|| DbErr::RecordNotFound(format!("order {id}")))
}

fn view(order: &Model) -> Json<Value> {
    Json(json!({
        "id": order.id, "status": order.status, "amount": order.amount.to_string(), "rules": order.on_change_rules,
    }))
}

/// What went wrong, as a response.
struct Problem(DbErr);

impl From<DbErr> for Problem {
    fn from(error: DbErr) -> Self {
        Self(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, text) = match &self.0 {
            DbErr::RecordNotFound(what) => (StatusCode::NOT_FOUND, format!("{what} is not here")),
            // A followed save that is refused: a rule that is wrong, a chain of events that is too deep.
            DbErr::Custom(refused) => (StatusCode::UNPROCESSABLE_ENTITY, refused.clone()),
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "the database failed".to_owned(),
            ),
        };
        let body: Json<Value> = Json(json!({ "error": text }));
        (status, body).into_response()
    }
}
