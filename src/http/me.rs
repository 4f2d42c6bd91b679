//! `GET /v1/me`: who am I, as this service sees it?

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::authenticate::Caller;
use super::problem::Problem;
use super::rooms::accepts_json;

#[derive(Serialize)]
struct MeAnswer<'a> {
    kind: &'static str,
    issuer: &'a str,
    subject: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<&'a str>,
    groups: &'a [Box<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

/// Who am I?
pub(super) async fn read(caller: Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let principal = &caller.asker.principal;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(MeAnswer {
            kind: "user",
            issuer: principal.issuer(),
            subject: principal.subject().as_str(),
            id: principal.user_id().as_str(),
            name: principal.display_name().map(AsRef::as_ref),
            avatar_url: principal.avatar().map(AsRef::as_ref),
            groups: principal.groups(),
            expires_at: principal.expires_at().map(crate::clock::UnixTime::seconds),
        }))
}
