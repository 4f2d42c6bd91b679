//! `GET /v1/rooms/{room_key}`: may I enter, as what, does it exist? Creates nothing.

use std::borrow::Cow;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::domain::{RoleName, RoomId, RoomKey};

use super::authenticate::Caller;
use super::problem::{Code, Problem};
use super::state::PublicState;

#[derive(Serialize)]
struct RoomAnswer<'a> {
    room: Prospect<'a>,
    admission: Admission<'a>,
}

#[derive(Serialize)]
struct Prospect<'a> {
    key: &'a str,
    exists: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<RoomId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    friendly_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

#[derive(Serialize)]
struct Admission<'a> {
    role: &'a RoleName,
    roles: &'a [RoleName],
    may_create: bool,
    token_ttl_seconds: u64,
}

/// May I enter, as what, does it exist?
pub(super) async fn read(
    caller: Caller,
    request: HttpRequest,
    state: web::Data<PublicState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let room_key = room_key_of(&request)?;
    let prospect = state.broker.prospect(&caller.asker, &room_key).await?;
    let admission = &prospect.admission;
    let room = prospect.room.as_deref();
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(RoomAnswer {
            room: Prospect {
                key: room_key.as_str(),
                exists: room.is_some(),
                id: room.map(crate::rooms::Room::id),
                friendly_url: room.map(|room| room.friendly_url().as_str()),
                url: room
                    .map(|room| format!("{}{}", state.room_base_url.as_str(), room.friendly_url())),
            },
            admission: Admission {
                role: admission.role(),
                roles: admission.roles(),
                may_create: admission.may_create(),
                token_ttl_seconds: admission
                    .not_before()
                    .until(admission.expires_at())
                    .as_secs(),
            },
        }))
}

/// The room key of a path, already decoded once by the router, but for `%`, `/` and `+`: of these a
/// key may have the last. What is left encoded is refused.
pub(super) fn room_key_of(request: &HttpRequest) -> Result<RoomKey, Problem> {
    let text = request.match_info().get("room_key").unwrap_or_default();
    let text = if text.contains('%') {
        Cow::Owned(text.replace("%2B", "+").replace("%2b", "+"))
    } else {
        Cow::Borrowed(text)
    };
    RoomKey::parse(&text).map_err(|fault| {
        Problem::new(Code::InvalidRoomKey).detail(format!("The room key {fault}."))
    })
}

/// Refuses a caller who wants anything but JSON (RFC 9110 section 12.5.1).
pub(super) fn accepts_json(request: &HttpRequest) -> Result<(), Problem> {
    let mut lines = request.headers().get_all(header::ACCEPT).peekable();
    if lines.peek().is_none() {
        return Ok(());
    }
    let accepted = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(is_json_range);
    if accepted {
        Ok(())
    } else {
        Err(Problem::new(Code::NotAcceptable))
    }
}

fn is_json_range(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let refused = parts.any(|parameter| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case("q")
                && value.trim().parse::<f32>().is_ok_and(|q| q <= 0.0)
        })
    });
    !refused
        && matches!(
            kind.as_str(),
            "*/*" | "application/*" | "application/json" | "application/problem+json"
        )
}
