//! What goes on and went on in a room: who is in it, its sessions, its recordings.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::digital_samba::{LiveParticipant, Moment, Page, Recording, Session};
use crate::domain::{RoomKey, SessionId};
use crate::http::problem::Problem;
use crate::http::rooms::accepts_json;
use crate::http::state::InternalState;

use super::caller::{InRoom, right};
use super::room_list::{next_offset, paging_of};
use super::rooms::{answer, known_room};

#[derive(Serialize)]
struct LiveAnswer<'a> {
    key: &'a RoomKey,
    live: bool,
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<u64>,
    participants: Vec<LiveParticipant>,
}

#[derive(Serialize)]
struct PageAnswer<T> {
    data: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<usize>,
}

#[derive(Serialize)]
struct EndAnswer {
    ended: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<SessionId>,
}

/// `GET /v1/rooms/{room_key}/live`.
pub(in crate::http) async fn live(
    service: InRoom<right::LiveRead>,
    request: HttpRequest,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let room = known_room(&service.caller, &service.room_key, &state).await?;
    let live = state.client.live(room.id()).await?;
    let (start_time, duration_seconds, participants) = match live {
        Some(live) => (
            live.start_time,
            live.session_duration,
            live.live_participants,
        ),
        None => (None, None, Vec::new()),
    };
    let is_live = !participants.is_empty();
    Ok(answer(&LiveAnswer {
        key: room.key(),
        live: is_live,
        count: participants.len(),
        start_time: start_time.filter(|_| is_live),
        duration_seconds: duration_seconds.filter(|_| is_live),
        participants,
    }))
}

/// `GET /v1/rooms/{room_key}/sessions`.
pub(in crate::http) async fn sessions(
    service: InRoom<right::SessionsRead>,
    request: HttpRequest,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let paging = paging_of(&request)?;
    let room = known_room(&service.caller, &service.room_key, &state).await?;
    let page: Page<Session> = state.client.sessions(room.id(), paging).await?;
    Ok(answer(&PageAnswer {
        total_count: page.total_count,
        next_offset: next_offset(paging, page.data.len()),
        data: page.data,
    }))
}

/// `GET /v1/rooms/{room_key}/recordings`.
pub(in crate::http) async fn recordings(
    service: InRoom<right::RecordingsRead>,
    request: HttpRequest,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let paging = paging_of(&request)?;
    let room = known_room(&service.caller, &service.room_key, &state).await?;
    let page: Page<Recording> = state.client.recordings(room.id(), paging).await?;
    Ok(answer(&PageAnswer {
        total_count: page.total_count,
        next_offset: next_offset(paging, page.data.len()),
        data: page.data,
    }))
}

/// `POST /v1/rooms/{room_key}/end-session`: for everybody in it. Where none goes on, there is
/// nothing to do.
pub(in crate::http) async fn end_session(
    service: InRoom<right::SessionsEnd>,
    request: HttpRequest,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let room = known_room(&service.caller, &service.room_key, &state).await?;
    let session_id = state.client.end_session(room.id()).await?;
    Ok(answer(&EndAnswer {
        ended: session_id.is_some(),
        session_id,
    }))
}
