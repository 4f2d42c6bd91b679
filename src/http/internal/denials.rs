//! Denials, for product backends: bar somebody from a room or from every room until a time.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use crate::clock::UnixTime;
use crate::denials::{Barred, Denial, DenialId};
use crate::domain::{RoomKey, Subject};
use crate::http::body::{json_or_default, read_body};
use crate::http::problem::{Code, Problem};
use crate::http::rooms::accepts_json;
use crate::http::state::InternalState;
use crate::http::whole_number::WholeSeconds;

use super::caller::{Service, ServiceCaller, right};

/// The longest issuer or user id, in bytes.
const TEXT_MAX: usize = 1024;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DenialBody {
    issuer: Option<String>,
    subject: Option<String>,
    user_id: Option<String>,
    room: Option<String>,
    until: Option<WholeSeconds>,
}

#[derive(Serialize)]
struct DenialAnswer<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    until: u64,
}

#[derive(Serialize)]
struct ListAnswer<'a> {
    data: Vec<DenialAnswer<'a>>,
}

impl<'a> DenialAnswer<'a> {
    fn of(id: &'a DenialId, denial: &'a Denial) -> Self {
        let (issuer, subject, user_id) = match denial.barred() {
            Barred::Person { issuer, subject } => {
                (Some(issuer.as_str()), Some(subject.as_str()), None)
            }
            Barred::User { user_id } => (None, None, Some(user_id.as_str())),
        };
        Self {
            id: id.as_str(),
            issuer,
            subject,
            user_id,
            room: denial.room().map(RoomKey::as_str),
            until: denial.until().seconds(),
        }
    }
}

impl DenialBody {
    fn parse(self, now: UnixTime) -> Result<Denial, Problem> {
        let barred = match (self.issuer, self.subject, self.user_id) {
            (Some(issuer), Some(subject), None) => Barred::Person {
                issuer: bounded("issuer", issuer)?,
                subject: Subject::parse(&subject).map_err(|fault| invalid("subject", fault))?,
            },
            (None, None, Some(user_id)) => Barred::User {
                user_id: bounded("user_id", user_id)?,
            },
            (Some(_), None, None) => return Err(invalid("subject", "is needed beside issuer")),
            (None, Some(_), None) => return Err(invalid("issuer", "is needed beside subject")),
            (None, None, None) => {
                return Err(invalid(
                    "user_id",
                    "is needed, or issuer and subject in its place",
                ));
            }
            (_, _, Some(_)) => {
                return Err(invalid(
                    "user_id",
                    "stands alone, without issuer and subject",
                ));
            }
        };
        let room = self.room.map(|room| RoomKey::parse(&room)).transpose();
        let room = room.map_err(|fault| invalid("room", fault))?;
        let until = self.until.map(|until| UnixTime::from_seconds(until.get()));
        match until {
            Some(until) if until > now => Ok(Denial::new(barred, room, until)),
            Some(_) => Err(Problem::new(Code::DenialEnded)
                .member("until")
                .detail("until must be in the future, in seconds since 1970.")),
            None => Err(invalid("until", "is needed: seconds since 1970")),
        }
    }
}

fn bounded(name: &'static str, text: String) -> Result<String, Problem> {
    if !(1..=TEXT_MAX).contains(&text.chars().count()) {
        return Err(invalid(name, "must have 1 to 1024 characters"));
    }
    Ok(text)
}

fn invalid(name: &'static str, fault: impl std::fmt::Display) -> Problem {
    Problem::new(Code::InvalidField)
        .member(name)
        .detail(format!("{name} {fault}."))
}

/// `PUT /v1/denials/{denial_id}`.
pub(in crate::http) async fn put(
    service: Service<right::DenialsWrite>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let id = id_of(&request)?;
    let body = read_body(&request, payload, &state.parameters).await?;
    let now = state.broker.clock.now();
    let denial = json_or_default::<DenialBody>(&request, &body)?.parse(now)?;
    reach(&service.caller, &request, denial.room())?;
    if let Some(old) = state.broker.denials.get(&id).await? {
        reach(&service.caller, &request, old.room())?;
    }
    let answer = answer(&DenialAnswer::of(&id, &denial));
    state.broker.denials.put(&id, denial).await?;
    Ok(answer)
}

/// `GET /v1/denials/{denial_id}`.
pub(in crate::http) async fn read(
    service: Service<right::DenialsRead>,
    request: HttpRequest,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let id = id_of(&request)?;
    let denial = state.broker.denials.get(&id).await?;
    let denial = denial.ok_or_else(|| Problem::new(Code::NotFound))?;
    reach(&service.caller, &request, denial.room())?;
    Ok(answer(&DenialAnswer::of(&id, &denial)))
}

/// `DELETE /v1/denials/{denial_id}`.
pub(in crate::http) async fn lift(
    service: Service<right::DenialsDelete>,
    request: HttpRequest,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    let id = id_of(&request)?;
    let denial = state.broker.denials.get(&id).await?;
    let denial = denial.ok_or_else(|| Problem::new(Code::NotFound))?;
    reach(&service.caller, &request, denial.room())?;
    state.broker.denials.lift(&id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /v1/denials`: those within the backend's rooms.
pub(in crate::http) async fn list(
    service: Service<right::DenialsRead>,
    request: HttpRequest,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let all = state.broker.denials.list().await?;
    let principal = service.caller.principal();
    let data = all
        .iter()
        .filter(|(_, denial)| match denial.room() {
            Some(room) => principal.may_touch(room),
            None => principal.may_touch_every_room(),
        })
        .map(|(id, denial)| DenialAnswer::of(id, denial))
        .collect();
    Ok(answer(&ListAnswer { data }))
}

/// A backend that is kept to some rooms bars nobody elsewhere.
fn reach(
    caller: &ServiceCaller,
    request: &HttpRequest,
    room: Option<&RoomKey>,
) -> Result<(), Problem> {
    match room {
        Some(room) => caller.enter(request, room),
        None if caller.principal().may_touch_every_room() => Ok(()),
        None => Err(Problem::new(Code::Forbidden)),
    }
}

fn id_of(request: &HttpRequest) -> Result<DenialId, Problem> {
    let text = request.match_info().get("denial_id").unwrap_or_default();
    DenialId::parse(text).map_err(|fault| {
        Problem::new(Code::InvalidField)
            .member("denial_id")
            .detail(format!("The id {fault}."))
    })
}

fn answer(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(body)
}
