//! The API's areas, one file each. Literal paths come before those with parameters: both in
//! this list and within a file.

mod author;
mod ballots;
pub(super) mod chat;
mod export;
mod filters;
mod import;
pub(super) mod libraries;
mod live;
pub(super) mod participants;
pub(super) mod phone;
pub(super) mod polls;
pub(super) mod questions;
pub(super) mod quizzes;
pub(super) mod recordings;
pub(super) mod restreamers;
pub(super) mod roles;
pub(super) mod rooms;
mod sessions;
pub(super) mod staged;
mod statistics;
mod team_defaults;
mod token;
pub(super) mod transcripts;
pub(super) mod webhooks;

use serde_json::{Map, Value, json};

use super::refusal::{Answer, Refusal};
use super::team::Team;
use crate::simulator::exchange::{Call, Reply};

/// One operation of the API, by its catalogue id.
pub(super) struct Operation<'c> {
    pub(super) id: &'static str,
    pub(super) act: Box<dyn FnOnce(&mut Team) -> Answer + 'c>,
}

impl<'c> Operation<'c> {
    fn new(id: &'static str, act: impl FnOnce(&mut Team) -> Answer + 'c) -> Self {
        Self {
            id,
            act: Box::new(act),
        }
    }
}

/// The operation for a path below `/api/v1`.
pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    team_defaults::route(call, path)
        .or_else(|| live::route(call, path))
        .or_else(|| roles::route(call, path))
        .or_else(|| recordings::route(call, path))
        .or_else(|| transcripts::route(call, path))
        .or_else(|| phone::route(call, path))
        .or_else(|| restreamers::route(call, path))
        .or_else(|| statistics::route(call, path))
        .or_else(|| participants::route(call, path))
        .or_else(|| sessions::route(call, path))
        .or_else(|| token::route(call, path))
        .or_else(|| webhooks::route(call, path))
        .or_else(|| libraries::route(call, path))
        .or_else(|| chat::route(call, path))
        .or_else(|| questions::route(call, path))
        .or_else(|| polls::route(call, path))
        .or_else(|| quizzes::route(call, path))
        .or_else(|| rooms::route(call, path))
}

fn body_of(call: &Call) -> Result<Map<String, Value>, Refusal> {
    call.object().map_err(|_cause| Refusal::Malformed)
}

#[expect(clippy::unnecessary_wraps, reason = "the last word of most operations")]
fn ok(body: &Value) -> Answer {
    Ok(Reply::json(200, body))
}

/// What an action answers: nothing that could be read.
#[expect(clippy::unnecessary_wraps, reason = "the last word of every action")]
fn done() -> Answer {
    Ok(Reply::new(200, "text/plain; charset=utf-8", Vec::new()))
}

/// A switch in a body; off when it is not there.
fn flag(body: &Map<String, Value>, name: &str) -> Result<bool, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(on)) => Ok(*on),
        Some(_) => Err(Refusal::field(name, "field must be true or false")),
    }
}

/// What part of a list is asked for.
struct Paging {
    limit: usize,
    offset: usize,
    oldest_first: bool,
    after: Option<String>,
}

impl Paging {
    /// For lists that do not know `after`: it is ignored.
    fn without_after(call: &Call) -> Result<Self, Refusal> {
        let paging = Self::of(call)?;
        Ok(Self {
            after: None,
            ..paging
        })
    }

    fn of(call: &Call) -> Result<Self, Refusal> {
        let limit = number(call, "limit", 100)?;
        if !(1..=100).contains(&limit) {
            return Err(Refusal::field("limit", "field must be between 1 and 100"));
        }
        let oldest_first = match call.query("order") {
            None | Some("desc") => false,
            Some("asc") => true,
            Some(_) => return Err(Refusal::field("order", "chosen is invalid")),
        };
        Ok(Self {
            limit,
            offset: number(call, "offset", 0)?,
            oldest_first,
            after: call.query("after").map(str::to_owned),
        })
    }

    /// Cuts a page out of all items, which come oldest first with their ids.
    fn page(&self, mut items: Vec<(String, Value)>) -> Result<Page, Refusal> {
        let total = items.len();
        if !self.oldest_first {
            items.reverse();
        }
        let skipped = match &self.after {
            None => 0,
            Some(after) => {
                let at = items.iter().position(|(id, _)| id == after);
                at.ok_or_else(|| Refusal::field("after", "chosen is invalid"))? + 1
            }
        };
        let items = items.into_iter().skip(skipped).skip(self.offset);
        Ok(Page {
            total,
            data: items.take(self.limit).map(|(_, item)| item).collect(),
        })
    }
}

struct Page {
    total: usize,
    data: Vec<Value>,
}

impl Page {
    fn with_number(self) -> Answer {
        ok(&json!({ "total_count": self.total, "data": self.data }))
    }

    /// Some lists count in text.
    fn with_text(self) -> Answer {
        ok(&json!({ "total_count": self.total.to_string(), "data": self.data }))
    }

    /// One list is nothing but its items.
    fn bare(self) -> Answer {
        ok(&Value::Array(self.data))
    }
}

fn number(call: &Call, name: &str, default: usize) -> Result<usize, Refusal> {
    call.query(name).map_or(Ok(default), |text| {
        text.parse()
            .map_err(|_cause| Refusal::field(name, "field must be an integer"))
    })
}
