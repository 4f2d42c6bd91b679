//! `GET /v1/rooms`: the rooms that are ours, by room key.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digital_samba::{ListedRoom, Paging};
use crate::domain::{RoomBaseUrl, RoomId, RoomKey};
use crate::http::problem::{Code, Problem};
use crate::http::rooms::accepts_json;
use crate::http::state::InternalState;
use crate::rooms::friendly_url;

use super::caller::{Service, right};
use super::rooms::answer;

/// Nobody pages through more.
const OFFSET_MAX: usize = 10_000_000;

#[derive(Serialize)]
struct Listed {
    data: Vec<RoomItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<usize>,
}

#[derive(Serialize)]
struct RoomItem {
    key: RoomKey,
    id: RoomId,
    friendly_url: String,
    url: String,
}

/// The part of a list that a query asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PageQuery {
    limit: usize,
    offset: usize,
}

impl Default for PageQuery {
    fn default() -> Self {
        Self {
            limit: Paging::LIMIT_MAX,
            offset: 0,
        }
    }
}

/// What part of a list is asked for, within bounds.
pub(super) fn paging_of(request: &HttpRequest) -> Result<Paging, Problem> {
    let query = web::Query::<PageQuery>::from_query(request.query_string());
    match query.map(web::Query::into_inner) {
        Ok(PageQuery { limit, offset })
            if (1..=Paging::LIMIT_MAX).contains(&limit) && offset <= OFFSET_MAX =>
        {
            Ok(Paging { limit, offset })
        }
        Ok(_) | Err(_) => Err(Problem::new(Code::BadRequest).detail(format!(
            "The query takes limit, from 1 to {}, and offset, from 0 to {OFFSET_MAX}.",
            Paging::LIMIT_MAX
        ))),
    }
}

/// Where the next page begins, if this one was full.
pub(super) fn next_offset(paging: Paging, records: usize) -> Option<usize> {
    (records >= paging.limit).then(|| paging.offset.saturating_add(records))
}

/// The rooms of a page that are ours and within the caller's patterns; a page may hold none of
/// them and yet have a next one.
pub(in crate::http) async fn list(
    service: Service<right::RoomsRead>,
    request: HttpRequest,
    state: web::Data<InternalState>,
) -> Result<HttpResponse, Problem> {
    accepts_json(&request)?;
    let paging = paging_of(&request)?;
    let page = state.client.rooms(paging).await?;
    let next_offset = next_offset(paging, page.data.len());
    let principal = service.caller.principal();
    let items = page.data.into_iter().filter_map(|room| {
        let item = RoomItem::of(room, &state.room_base_url)?;
        principal.may_touch(&item.key).then_some(item)
    });
    Ok(answer(&Listed {
        data: items.collect(),
        next_offset,
    }))
}

impl RoomItem {
    /// The room of a key: one whose external id is the key, under the name that the key gives.
    fn of(room: ListedRoom, base: &RoomBaseUrl) -> Option<Self> {
        let key = match room.external_id? {
            Value::String(text) => RoomKey::parse(&text).ok()?,
            Value::Number(number) => RoomKey::parse(&number.to_string()).ok()?,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        let name = room.friendly_url?;
        (friendly_url(&key).as_str() == name).then(|| Self {
            url: format!("{}{name}", base.as_str()),
            key,
            id: room.id,
            friendly_url: name,
        })
    }
}
