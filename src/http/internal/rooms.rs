//! Rooms by room key, for product backends: ensured, read, changed, deleted.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::{RoleName, RoomBaseUrl, RoomId, RoomKey};
use crate::http::body::{json_or_default, read_body};
use crate::http::problem::{Code, Problem};
use crate::http::rooms::accepts_json;
use crate::http::state::InternalState;
use crate::rooms::{
    DeleteError, ResolveError, Resources, Room, SettingFault, SettingsChange, Templates,
    UpstreamFailure,
};

use super::caller::{InRoom, ServiceCaller, right};

/// A room as product backends see it.
#[derive(Serialize)]
struct RoomAnswer<'a> {
    key: &'a str,
    id: RoomId,
    friendly_url: &'a str,
    url: String,
    roles: &'a [RoleName],
    #[serde(skip_serializing_if = "Option::is_none")]
    default_role: Option<&'a RoleName>,
    end_to_end_encrypted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<bool>,
}

impl<'a> RoomAnswer<'a> {
    fn of(room: &'a Room, base: &RoomBaseUrl) -> Self {
        Self {
            key: room.key().as_str(),
            id: room.id(),
            friendly_url: room.friendly_url().as_str(),
            url: format!("{}{}", base.as_str(), room.friendly_url()),
            roles: room.roles(),
            default_role: room.default_role(),
            end_to_end_encrypted: room.end_to_end_encrypted(),
            created: None,
        }
    }
}

/// The body of a PUT and of a PATCH.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SettingsBody {
    settings: Map<String, Value>,
}

/// The body of a DELETE.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DeleteBody {
    delete_resources: bool,
}

/// `PUT /v1/rooms/{room_key}`: found or created, with these settings.
pub(in crate::http) async fn ensure(
    service: InRoom<right::RoomsWrite>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let body = read_body(&request, payload, &state.parameters).await?;
    let SettingsBody { settings } = json_or_default(&request, &body)?;
    let (caller, room_key) = (&service.caller, &service.room_key);
    let work = async {
        let template = caller.live().templates.settings_of(room_key);
        let whole = template
            .overlaid(&settings, &state.catalogue)
            .map_err(|faults| unusable(&faults))?;
        let change = SettingsChange::of_creation(settings, template, &state.catalogue)
            .map_err(|faults| unusable(&faults))?;
        let templates = Arc::new(Templates::of_one(whole));
        let directory = &state.broker.directory;
        let ensured = directory.ensure(room_key, &templates, &change).await;
        let found = ensured.map_err(refused)?;
        let answer = RoomAnswer {
            created: Some(found.created),
            ..RoomAnswer::of(&found.room, &state.room_base_url)
        };
        serde_json::to_vec(&answer).map_err(|error| Problem::new(Code::Internal).because(error))
    };
    let keys = &state.idempotency;
    keys.once(caller.principal(), &request, &body, work).await
}

/// `GET /v1/rooms/{room_key}`.
pub(in crate::http) async fn read(
    service: InRoom<right::RoomsRead>,
    request: HttpRequest,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let room = known_room(&service.caller, &service.room_key, &state).await?;
    Ok(answer(&RoomAnswer::of(&room, &state.room_base_url)))
}

/// `PATCH /v1/rooms/{room_key}`: settings of a room that is there.
pub(in crate::http) async fn change(
    service: InRoom<right::RoomsWrite>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let body = read_body(&request, payload, &state.parameters).await?;
    let SettingsBody { settings } = json_or_default(&request, &body)?;
    let (room_key, templates) = (&service.room_key, &service.caller.live().templates);
    let template = templates.settings_of(room_key);
    let change = SettingsChange::check(settings, template, &state.catalogue)
        .map_err(|faults| unusable(&faults))?;
    let directory = &state.broker.directory;
    let changed = directory.change(room_key, templates, &change).await;
    let room = changed.map_err(refused)?;
    Ok(answer(&RoomAnswer::of(&room, &state.room_base_url)))
}

/// `DELETE /v1/rooms/{room_key}`.
pub(in crate::http) async fn delete(
    service: InRoom<right::RoomsDelete>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    let body = read_body(&request, payload, &state.parameters).await?;
    let DeleteBody { delete_resources } = json_or_default(&request, &body)?;
    let resources = if delete_resources {
        Resources::Deleted
    } else {
        Resources::Kept
    };
    let (room_key, templates) = (&service.room_key, &service.caller.live().templates);
    let directory = &state.broker.directory;
    match directory.delete(room_key, templates, resources).await {
        Ok(()) => Ok(HttpResponse::NoContent().finish()),
        Err(DeleteError::Live) => Err(Problem::new(Code::RoomLive)
            .detail("What was recorded in a room cannot be deleted while somebody is in it.")),
        Err(DeleteError::Room(error)) => Err(refused(error)),
    }
}

/// The room of a key, from memory where it is known.
pub(super) async fn known_room(
    caller: &ServiceCaller,
    room_key: &RoomKey,
    state: &InternalState,
) -> Result<Arc<Room>, Problem> {
    let looked_up = state
        .broker
        .directory
        .look_up(room_key, &caller.live().templates)
        .await;
    let room = looked_up.map_err(refused)?;
    room.ok_or_else(|| Problem::new(Code::NoSuchRoom))
}

/// A backend may know that a room is not there, and which of its settings upstream does not take.
pub(super) fn refused(error: ResolveError) -> Problem {
    match error {
        ResolveError::NotFound => Problem::new(Code::NoSuchRoom),
        ResolveError::Upstream(UpstreamFailure::Rejected {
            status: 400 | 422,
            ref fields,
        }) => {
            let problem = Problem::new(Code::SettingsRejected);
            let problem = match fields.first() {
                Some(field) => problem.member(format!("settings.{field}")),
                None => problem,
            };
            problem.because(error)
        }
        ResolveError::BelongsToAnother
        | ResolveError::Unclaimed
        | ResolveError::NotPrivate
        | ResolveError::Busy
        | ResolveError::Upstream(_) => error.into(),
    }
}

/// Names the first setting, and says what is wrong with each.
fn unusable(faults: &[SettingFault]) -> Problem {
    let said: Vec<String> = faults.iter().take(16).map(ToString::to_string).collect();
    let first = faults.first().map(|fault| fault.setting.as_str());
    // A setting that nobody knows is the caller's own text.
    let name: String = first
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .take(64)
        .collect();
    let detail = said.join("; ");
    let detail: String = detail
        .chars()
        .filter(|c| !crate::domain::is_unsafe_in_text(*c))
        .take(2000)
        .collect();
    Problem::new(Code::InvalidField)
        .member(format!("settings.{name}"))
        .detail(detail)
}

pub(super) fn answer(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(body)
}
