//! Snippets of docs/metrics.md.

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use celerysalt::worker::Worker;
use opentelemetry_sdk::trace::SdkTracer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn status(well: bool) -> StatusCode {
    if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn health(worker: &Worker) -> Router {
    let health = worker.health();
    let routes = Router::new()
        .route("/live", get({ let health = health.clone(); move || async move { status(health.is_live()) } }))
        .route("/ready", get(move || async move { (status(health.is_ready()), Json(health.snapshot())) }));
    routes
}

fn traces(tracer: SdkTracer) -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer)).init();
    celerysalt::telemetry::install(celerysalt::telemetry::OpenTelemetry)?;
    Ok(())
}
