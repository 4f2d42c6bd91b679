//! Rooms by room key, for product backends.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::domain::{RoomBaseUrl, RoomId};
use crate::http::problem::{Code, Problem};
use crate::http::rooms::accepts_json;
use crate::http::state::InternalState;
use crate::rooms::Room;

use super::caller::{InRoom, right};

/// A room as product backends see it.
#[derive(Serialize)]
struct RoomAnswer<'a> {
    key: &'a str,
    id: RoomId,
    friendly_url: &'a str,
    url: String,
}

impl<'a> RoomAnswer<'a> {
    fn of(room: &'a Room, base: &RoomBaseUrl) -> Self {
        Self {
            key: room.key().as_str(),
            id: room.id(),
            friendly_url: room.friendly_url().as_str(),
            url: format!("{}{}", base.as_str(), room.friendly_url()),
        }
    }
}

/// `GET /v1/rooms/{room_key}`.
pub(in crate::http) async fn read(
    service: InRoom<right::RoomsRead>,
    request: HttpRequest,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let directory = &state.broker.directory;
    let templates = &service.caller.live().templates;
    let room = directory.look_up(&service.room_key, templates).await?;
    let room = room.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(RoomAnswer::of(&room, &state.room_base_url)))
}
