//! `POST /v1/policy/explain`: which rule decides for a user's claims, and why. Grants nothing.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::{RoleName, RoomKey};
use crate::http::body::{json_or_default, read_body};
use crate::http::problem::{Code, Problem};
use crate::http::rooms::accepts_json;
use crate::http::state::InternalState;

use super::caller::{Service, right};
use super::rooms::answer;

/// The body as it is sent.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ExplainBody {
    room: Option<String>,
    claims: Map<String, Value>,
    issuer: Option<String>,
    role: Option<String>,
}

/// Explains as `room-broker policy explain` does.
pub(in crate::http) async fn explain(
    service: Service<right::PolicyExplain>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let body = read_body(&request, payload, &state.parameters).await?;
    let asked: ExplainBody = json_or_default(&request, &body)?;
    let room_key = RoomKey::parse(asked.room.as_deref().unwrap_or_default());
    let room_key = room_key.map_err(|fault| invalid("room", &fault))?;
    service.caller.enter(&request, &room_key)?;
    let role = asked.role.as_deref().map(RoleName::parse).transpose();
    let role = role.map_err(|fault| invalid("role", &fault))?;
    let live = service.caller.live();
    let users = live.authenticator.parameters();
    let principal = users
        .hypothetical_principal(asked.issuer.as_deref(), Value::Object(asked.claims))
        .map_err(|fault| invalid("claims", &fault))?;
    let now = state.broker.clock.now();
    let explanation = live
        .policy
        .explain(&principal, &room_key, role.as_ref(), now);
    Ok(answer(&explanation))
}

fn invalid(member: &'static str, fault: &dyn std::fmt::Display) -> Problem {
    Problem::new(Code::InvalidField)
        .member(member)
        .detail(format!("{member}: {fault}."))
}
