//! Alive, ready, and the metrics.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use prometheus_client::registry::Registry;
use serde::Serialize;

use super::problem::{Code, Problem};
use super::state::Health;

#[derive(Serialize)]
struct Alive {
    status: &'static str,
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    checks: Checks,
}

#[derive(Serialize)]
struct Checks {
    identity_providers: &'static str,
    state: &'static str,
}

/// `GET /healthz`: the process answers.
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(Alive { status: "ok" })
}

/// `GET /readyz`: traffic should come here.
pub(super) async fn readyz(health: web::Data<Health>) -> HttpResponse {
    let (has_keys, knows_denials) = (health.has_keys(), health.knows_denials());
    let (code, status) = if health.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else if has_keys && knows_denials {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not-ready")
    };
    let identity_providers = if has_keys { "ok" } else { "waiting" };
    let state = match (knows_denials, health.has_state()) {
        (false, _) => "waiting",
        // Replicas go on alone: that is no reason to send traffic elsewhere, where it is no better.
        (true, false) => "degraded",
        (true, true) => "ok",
    };
    HttpResponse::build(code).json(Readiness {
        status,
        checks: Checks {
            identity_providers,
            state,
        },
    })
}

/// `GET /metrics`: the `OpenMetrics` text of all metrics.
pub(super) async fn metrics(
    registry: web::Data<Arc<Registry>>,
    health: web::Data<Health>,
) -> Result<HttpResponse, Problem> {
    health.refresh_gauges();
    let mut text = String::with_capacity(16 * 1024);
    prometheus_client::encoding::text::encode(&mut text, &registry)
        .map_err(|error| Problem::new(Code::Internal).because(error))?;
    Ok(HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(text))
}
