//! `POST /v1/rooms/{room_key}/join`: the main job.

use std::str::FromStr;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use uuid::Uuid;

use crate::domain::{BreakoutId, RoomBaseUrl, TextFault};
use crate::join::{JoinRequest, Joined};

use super::authenticate::Caller;
use super::body::{json_or_default, read_body};
use super::edge::RequestContext;
use super::json_text::Json;
use super::problem::{Code, Problem};
use super::rooms::{accepts_json, room_key_of};
use super::state::PublicState;

/// The body as it is sent; every member may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct JoinBody {
    display_name: Option<String>,
    initials: Option<String>,
    avatar_url: Option<String>,
    breakout_id: Option<String>,
    role: Option<String>,
}

impl JoinBody {
    fn parse(self) -> Result<JoinRequest, Problem> {
        Ok(JoinRequest {
            display_name: member("display_name", self.display_name)?,
            initials: member("initials", self.initials)?,
            avatar: member("avatar_url", self.avatar_url)?,
            breakout_id: match self.breakout_id {
                Some(text) => {
                    Some(BreakoutId::parse(&text).map_err(|fault| invalid("breakout_id", fault))?)
                }
                None => None,
            },
            role: member("role", self.role)?,
        })
    }
}

fn member<T: FromStr<Err = TextFault>>(
    name: &'static str,
    text: Option<String>,
) -> Result<Option<T>, Problem> {
    match text {
        Some(text) => text.parse().map(Some).map_err(|fault| invalid(name, fault)),
        None => Ok(None),
    }
}

fn invalid(name: &'static str, fault: TextFault) -> Problem {
    Problem::new(Code::InvalidField)
        .member(name)
        .detail(format!("{name} {fault}."))
}

/// Authenticated, admitted, found or created, minted.
pub(super) async fn join(
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<PublicState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let room_key = room_key_of(&request)?;
    let body = read_body(&request, payload, &state.parameters).await?;
    let wish = json_or_default::<JoinBody>(&request, &body)?.parse()?;
    let request_id = RequestContext::of(&request).request_id;
    let joined = state
        .broker
        .join(&caller.asker, &room_key, wish, request_id)
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(answer(&joined, &state.room_base_url)))
}

/// The answer, composed straight into bytes: this is the hot path. Tokens and URLs, which make up
/// most of it, hold nothing that JSON escapes, and are copied as they are.
fn answer(joined: &Joined, base: &RoomBaseUrl) -> Vec<u8> {
    let token = joined.token.token();
    let join_url = joined.token.join_url();
    let room_url = join_url.split('?').next().unwrap_or(join_url);
    let room = &joined.room;
    let friendly_url = room.friendly_url().as_str();
    let mut json = Json::with_capacity(join_url.len().saturating_mul(4).saturating_add(640));
    json.plain(r#"{"join_url":"#, join_url);
    json.plain(r#","link":"#, join_url);
    json.plain(r#","token":"#, token);
    match base.team() {
        Some(team) => json.plain(r#","embed":{"team":"#, team.as_str()),
        None => json.plain(r#","embed":{"cname":"#, base.host()),
    }
    json.plain(r#","room":"#, friendly_url);
    json.plain(r#","token":"#, token);
    json.plain(r#"},"room":{"key":"#, room.key().as_str());
    let mut id = Uuid::encode_buffer();
    json.plain(
        r#","id":"#,
        room.id().as_uuid().hyphenated().encode_lower(&mut id),
    );
    json.plain(r#","friendly_url":"#, friendly_url);
    json.plain(r#","url":"#, room_url);
    json.raw(if joined.created {
        r#","created":true"#
    } else {
        r#","created":false"#
    });
    json.text(
        r#"},"participant":{"id":"#,
        joined.admission.principal().user_id().as_str(),
    );
    if let Some(name) = &joined.details.display_name {
        json.text(r#","name":"#, name.as_str());
    }
    json.plain(r#","role":"#, joined.admission.role().as_str());
    json.number(r#"},"not_before":"#, joined.token.not_before().seconds());
    json.number(r#","expires_at":"#, joined.token.expires_at().seconds());
    json.number(
        r#","refresh_after":"#,
        joined.token.refresh_after().seconds(),
    );
    json.raw("}");
    json.into_bytes()
}
