//! `POST /v1/rooms/{room_key}/join-links`: links for one or many participants by a backend's word.
//! Each participant gets a link or a problem of their own.

use std::str::FromStr;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use uuid::Uuid;

use crate::clock::UnixTime;
use crate::domain::{BreakoutId, RoleName, RoomBaseUrl, Scope, Subject, TextFault};
use crate::http::body::{json_or_default, read_body};
use crate::http::json_text::Json;
use crate::http::problem::{Code, Problem};
use crate::http::rooms::accepts_json;
use crate::http::state::InternalState;
use crate::join::{Guest, IfAbsent, LinkError, ServiceLink};
use crate::policy::{GrantRefusal, Invitee, Until};
use crate::rooms::{Found, Room};
use crate::token::{MintError, ParticipantDetails};

use super::audit::CallNote;
use super::caller::{InRoom, right};
use super::rooms::refused;

/// Participants of one call: what a large lecture needs, and what is answered in milliseconds.
const PARTICIPANTS_MAX: usize = 1000;

/// What a link takes in the answer, for a start.
const RESULT_BYTES: usize = 1536;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LinksBody {
    participants: Vec<ParticipantBody>,
    create: bool,
}

/// One participant as sent.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ParticipantBody {
    id: Option<String>,
    role: Option<String>,
    name: Option<String>,
    initials: Option<String>,
    avatar_url: Option<String>,
    breakout_id: Option<String>,
    not_before: Option<u64>,
    expires_at: Option<u64>,
    ttl_seconds: Option<u64>,
}

/// What is wrong with one participant.
struct ItemProblem {
    code: Code,
    member: Option<&'static str>,
    detail: String,
}

impl ItemProblem {
    fn of(member: &'static str, fault: impl std::fmt::Display) -> Self {
        Self {
            code: Code::InvalidField,
            member: Some(member),
            detail: format!("{member} {fault}."),
        }
    }
}

/// Links or problems, in the order of the participants.
pub(in crate::http) async fn mint(
    service: InRoom<right::TokensMint>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let body = read_body(&request, payload, &state.parameters).await?;
    let LinksBody {
        participants,
        create,
    } = json_or_default(&request, &body)?;
    if !(1..=PARTICIPANTS_MAX).contains(&participants.len()) {
        return Err(Problem::new(Code::InvalidField)
            .member("participants")
            .detail(format!("participants must be 1 to {PARTICIPANTS_MAX}.")));
    }
    CallNote::has_items(&request, participants.len());
    let caller = &service.caller;
    let (principal, live) = (caller.principal(), caller.live());
    let if_absent = match create {
        true if principal.has(Scope::RoomsWrite) => IfAbsent::Create,
        true => return Err(Problem::new(Code::InsufficientScope).scope(Scope::RoomsWrite)),
        false => IfAbsent::Refuse,
    };
    let work = async {
        let broker = &state.broker;
        let found = broker.room_for_links(live, &service.room_key, if_absent);
        let found = found.await.map_err(refused)?;
        let mut results = Results::of(&found, &state.room_base_url, participants.len());
        for participant in participants {
            let linked = participant.parse(&found.room).and_then(|guest| {
                let link = broker.link(live, principal, &found.room, guest);
                link.map_err(ItemProblem::from)
            });
            results.add(linked);
        }
        Ok(results.end())
    };
    let keys = &state.idempotency;
    keys.once(principal, &request, &body, work).await
}

impl ParticipantBody {
    fn parse(self, room: &Room) -> Result<Guest, ItemProblem> {
        let id = member::<Subject>("id", self.id.as_deref())?;
        let id = id.ok_or_else(|| ItemProblem::of("id", "is required"))?;
        let role = match member::<RoleName>("role", self.role.as_deref())? {
            Some(role) => role,
            // As a token that names none would have it.
            None => room
                .default_role()
                .cloned()
                .ok_or_else(|| ItemProblem::of("role", "is required in a room without default"))?,
        };
        let breakout_id = self.breakout_id.as_deref().map(BreakoutId::parse);
        let until = match (self.expires_at, self.ttl_seconds) {
            (Some(_), Some(_)) => {
                let fault = "and expires_at exclude each other";
                return Err(ItemProblem::of("ttl_seconds", fault));
            }
            (Some(end), None) => Until::At(UnixTime::from_seconds(end)),
            (None, Some(seconds)) => Until::For(Duration::from_secs(seconds)),
            (None, None) => Until::Usual,
        };
        Ok(Guest {
            invitee: Invitee {
                id,
                role,
                not_before: self.not_before.map(UnixTime::from_seconds),
                until,
            },
            details: ParticipantDetails {
                display_name: member("name", self.name.as_deref())?,
                initials: member("initials", self.initials.as_deref())?,
                avatar: member("avatar_url", self.avatar_url.as_deref())?,
                breakout_id: breakout_id
                    .transpose()
                    .map_err(|fault| ItemProblem::of("breakout_id", fault))?,
            },
        })
    }
}

fn member<T: FromStr<Err = TextFault>>(
    name: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, ItemProblem> {
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|fault| ItemProblem::of(name, fault))
}

impl From<LinkError> for ItemProblem {
    fn from(error: LinkError) -> Self {
        let (code, member) = match &error {
            LinkError::Refused(GrantRefusal::Scope) => (Code::InsufficientScope, None),
            LinkError::Refused(GrantRefusal::OtherRoom) => (Code::Forbidden, None),
            LinkError::Refused(GrantRefusal::TooFarAhead) => {
                (Code::InvalidField, Some("not_before"))
            }
            LinkError::Refused(GrantRefusal::Over | GrantRefusal::TooLong { .. })
            | LinkError::Mint(MintError::Expired) => (Code::InvalidField, Some("expires_at")),
            LinkError::Mint(MintError::RoleNotInRoom { .. }) => (Code::RoleNotInRoom, Some("role")),
            LinkError::Mint(MintError::LinkTooLong { claim }) => (Code::LinkTooLong, Some(*claim)),
            LinkError::Mint(MintError::AnotherRoom | MintError::Signing(_)) => {
                (Code::Internal, None)
            }
        };
        let detail = match (code, member) {
            (Code::InvalidField, Some(member)) => format!("{member} {error}."),
            (code, _) => format!("{}.", code.title()),
        };
        Self {
            code,
            member,
            detail,
        }
    }
}

/// The answer under construction, straight into bytes.
struct Results {
    json: Json,
    count: u64,
}

impl Results {
    fn of(found: &Found, base: &RoomBaseUrl, participants: usize) -> Self {
        let room = &found.room;
        let mut json = Json::with_capacity(participants.saturating_mul(RESULT_BYTES));
        json.plain(r#"{"room":{"key":"#, room.key().as_str());
        let mut id = Uuid::encode_buffer();
        let id = room.id().as_uuid().hyphenated().encode_lower(&mut id);
        json.plain(r#","id":"#, id);
        let friendly_url = room.friendly_url().as_str();
        json.plain(r#","friendly_url":"#, friendly_url);
        let url = format!("{}{friendly_url}", base.as_str());
        json.text(r#","url":"#, &url);
        json.raw(if found.created {
            r#","created":true},"results":["#
        } else {
            r#","created":false},"results":["#
        });
        Self { json, count: 0 }
    }

    fn add(&mut self, linked: Result<ServiceLink, ItemProblem>) {
        let begin = if self.count == 0 {
            r#"{"index":"#
        } else {
            r#",{"index":"#
        };
        self.json.number(begin, self.count);
        self.count = self.count.saturating_add(1);
        match linked {
            Ok(link) => self.add_link(&link),
            Err(problem) => self.add_problem(&problem),
        }
    }

    fn add_link(&mut self, link: &ServiceLink) {
        let json = &mut self.json;
        let ServiceLink {
            grant,
            details,
            token,
        } = link;
        json.plain(r#","join_url":"#, token.join_url());
        json.plain(r#","token":"#, token.token());
        json.text(r#","participant":{"id":"#, grant.user_id().as_str());
        if let Some(name) = &details.display_name {
            json.text(r#","name":"#, name.as_str());
        }
        json.plain(r#","role":"#, grant.role().as_str());
        json.number(r#"},"not_before":"#, token.not_before().seconds());
        json.number(r#","expires_at":"#, token.expires_at().seconds());
        json.raw("}");
    }

    fn add_problem(&mut self, problem: &ItemProblem) {
        let json = &mut self.json;
        json.plain(r#","problem":{"code":"#, problem.code.as_str());
        if let Some(member) = problem.member {
            json.plain(r#","member":"#, member);
        }
        json.text(r#","detail":"#, &problem.detail);
        json.raw("}}");
    }

    fn end(mut self) -> Vec<u8> {
        self.json.raw("]}");
        self.json.into_bytes()
    }
}
