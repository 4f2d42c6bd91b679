//! What upstream offers: the catalogue of its operations, each with the scope that opens it.
//! Nothing that is not in it is ever called.

mod catalogue;
mod routes;

use crate::domain::Scope;

pub(super) use catalogue::{
    CREATE_ROOM, CREATE_ROOM_TOKEN, DELETE_ROOM, END_SESSION, GET_ROOM, GET_ROOM_LIVE_PARTICIPANTS,
    GET_TEAM, LIST_RECORDINGS, LIST_ROLES, LIST_ROOM_SESSIONS, LIST_ROOMS, UPDATE_ROOM,
};
pub use routes::{Matched, NoMatch, PathFault, Routes};

/// What every path of upstream begins with.
pub const BASE_PATH: &str = "/api/v1";

/// One method and path of the upstream API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Its name in metrics, logs and descriptions.
    pub id: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path after [`BASE_PATH`]; a segment in braces is a parameter.
    pub path: &'static str,
    /// What a product backend needs to call it.
    pub scope: Scope,
    /// What it answers.
    pub answer: Answer,
    /// What it takes as a body. Nothing else is forwarded.
    pub body: Body,
    /// Whether upstream only says that it will.
    accepted: bool,
    /// The query parameters that it takes, with spaces between.
    query: &'static str,
    /// Whether upstream documents the room's id alone, not its name.
    pub room_by_id: bool,
    /// Whether it ends or removes something.
    pub destructive: bool,
    /// The operation that took its place, if upstream no longer has it.
    pub replaced_by: Option<&'static str>,
}

/// The methods that upstream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates or acts.
    Post,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// As it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    pub(super) const fn on_the_wire(self) -> reqwest::Method {
        match self {
            Self::Get => reqwest::Method::GET,
            Self::Post => reqwest::Method::POST,
            Self::Patch => reqwest::Method::PATCH,
            Self::Delete => reqwest::Method::DELETE,
        }
    }
}

/// The form of an operation's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// `{total_count, data}`.
    Page,
    /// A JSON object.
    Object,
    /// A JSON list.
    Array,
    /// Nothing.
    Empty,
    /// Some text or nothing: not to be relied on.
    Text,
    /// A file of whatever type upstream says; text is documented.
    Export,
    /// A CSV file to fill in.
    Template,
}

/// The form of an operation's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// None.
    Nothing,
    /// JSON; with GET and DELETE too.
    Json,
    /// A form with a file.
    Multipart,
}

impl Answer {
    /// Whether it is JSON.
    pub const fn is_json(self) -> bool {
        matches!(self, Self::Page | Self::Object | Self::Array)
    }

    /// The documented content type.
    pub const fn content_type(self) -> Option<&'static str> {
        match self {
            Self::Page | Self::Object | Self::Array => Some("application/json"),
            Self::Text | Self::Export => Some("text/plain"),
            Self::Template => Some("text/csv"),
            Self::Empty => None,
        }
    }
}

impl Body {
    /// The content type that upstream takes.
    pub const fn content_type(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Json => Some("application/json"),
            Self::Multipart => Some("multipart/form-data"),
        }
    }
}

impl Operation {
    /// Every operation.
    pub fn all() -> &'static [Self] {
        catalogue::OPERATIONS
    }

    /// The operation of this name.
    pub fn named(id: &str) -> Option<&'static Self> {
        Self::all().iter().find(|operation| operation.id == id)
    }

    /// Whether it changes nothing upstream, so that it may be repeated blindly.
    pub fn is_read(&self) -> bool {
        self.method == Method::Get
    }

    /// The status of success.
    pub const fn status(&self) -> u16 {
        match self.answer {
            Answer::Empty if self.accepted => 202,
            Answer::Empty => 204,
            Answer::Page
            | Answer::Object
            | Answer::Array
            | Answer::Text
            | Answer::Export
            | Answer::Template => 200,
        }
    }

    /// The query parameters that it takes.
    pub fn query(&self) -> impl Iterator<Item = &'static str> {
        self.query.split_whitespace()
    }

    /// Members of the body of a GET that callers may send in the query, because few clients can
    /// send a body there.
    pub fn body_in_query(&self) -> &'static [&'static str] {
        match (self.answer, self.body) {
            (Answer::Export, Body::Json) => &["locale", "lang"],
            _no_body_or_no_export => &[],
        }
    }

    /// Whether its path names a room.
    pub fn has_room(&self) -> bool {
        self.path.starts_with("/rooms/{room}")
    }

    const fn json(self) -> Self {
        Self {
            body: Body::Json,
            ..self
        }
    }

    const fn multipart(self) -> Self {
        Self {
            body: Body::Multipart,
            ..self
        }
    }

    const fn query_of(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    const fn room_by_id(self) -> Self {
        Self {
            room_by_id: true,
            ..self
        }
    }

    const fn accepted(self) -> Self {
        Self {
            accepted: true,
            ..self
        }
    }

    const fn destructive(self) -> Self {
        Self {
            destructive: true,
            ..self
        }
    }

    const fn older_form_of(self, id: &'static str) -> Self {
        Self {
            replaced_by: Some(id),
            ..self
        }
    }
}

const fn get(id: &'static str, path: &'static str, scope: Scope, answer: Answer) -> Operation {
    Operation {
        id,
        method: Method::Get,
        path,
        scope,
        answer,
        body: Body::Nothing,
        accepted: false,
        query: "",
        room_by_id: false,
        destructive: false,
        replaced_by: None,
    }
}

const fn post(id: &'static str, path: &'static str, scope: Scope, answer: Answer) -> Operation {
    Operation {
        method: Method::Post,
        ..get(id, path, scope, answer)
    }
}

const fn patch(id: &'static str, path: &'static str, scope: Scope, answer: Answer) -> Operation {
    Operation {
        method: Method::Patch,
        ..get(id, path, scope, answer)
    }
}

const fn delete(id: &'static str, path: &'static str, scope: Scope, answer: Answer) -> Operation {
    Operation {
        method: Method::Delete,
        destructive: true,
        ..get(id, path, scope, answer)
    }
}
