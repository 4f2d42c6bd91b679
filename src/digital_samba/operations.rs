//! What upstream offers, as far as room-broker calls it.

use reqwest::Method;

/// One method and path of the upstream API.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name in metrics and logs.
    pub id: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path; a segment in braces is a parameter.
    pub path: &'static str,
}

impl Operation {
    /// Whether it changes nothing upstream, so that it may be repeated blindly.
    pub fn is_read(&self) -> bool {
        self.method == Method::GET
    }
}

pub(super) const GET_ROOM: Operation = Operation {
    id: "get_room",
    method: Method::GET,
    path: "/api/v1/rooms/{room}",
};

pub(super) const LIST_ROOMS: Operation = Operation {
    id: "list_rooms",
    method: Method::GET,
    path: "/api/v1/rooms",
};

pub(super) const CREATE_ROOM: Operation = Operation {
    id: "create_room",
    method: Method::POST,
    path: "/api/v1/rooms",
};

pub(super) const UPDATE_ROOM: Operation = Operation {
    id: "update_room",
    method: Method::PATCH,
    path: "/api/v1/rooms/{room}",
};

pub(super) const DELETE_ROOM: Operation = Operation {
    id: "delete_room",
    method: Method::DELETE,
    path: "/api/v1/rooms/{room}",
};

pub(super) const GET_ROOM_LIVE_PARTICIPANTS: Operation = Operation {
    id: "get_room_live_participants",
    method: Method::GET,
    path: "/api/v1/rooms/{room}/live/participants",
};

pub(super) const LIST_WEBHOOKS: Operation = Operation {
    id: "list_webhooks",
    method: Method::GET,
    path: "/api/v1/webhooks",
};

pub(super) const CREATE_WEBHOOK: Operation = Operation {
    id: "create_webhook",
    method: Method::POST,
    path: "/api/v1/webhooks",
};

pub(super) const GET_WEBHOOK: Operation = Operation {
    id: "get_webhook",
    method: Method::GET,
    path: "/api/v1/webhooks/{webhook}",
};

pub(super) const UPDATE_WEBHOOK: Operation = Operation {
    id: "update_webhook",
    method: Method::PATCH,
    path: "/api/v1/webhooks/{webhook}",
};

pub(super) const DELETE_WEBHOOK: Operation = Operation {
    id: "delete_webhook",
    method: Method::DELETE,
    path: "/api/v1/webhooks/{webhook}",
};

pub(super) const LIST_ROOM_SESSIONS: Operation = Operation {
    id: "list_room_sessions",
    method: Method::GET,
    path: "/api/v1/rooms/{room}/sessions",
};

pub(super) const END_SESSION: Operation = Operation {
    id: "end_session",
    method: Method::POST,
    path: "/api/v1/sessions/{session}/end",
};

pub(super) const LIST_RECORDINGS: Operation = Operation {
    id: "list_recordings",
    method: Method::GET,
    path: "/api/v1/recordings",
};

pub(super) const CREATE_ROOM_TOKEN: Operation = Operation {
    id: "create_room_token",
    method: Method::POST,
    path: "/api/v1/rooms/{room}/token",
};

pub(super) const LIST_ROLES: Operation = Operation {
    id: "list_roles",
    method: Method::GET,
    path: "/api/v1/roles",
};

pub(super) const GET_TEAM: Operation = Operation {
    id: "get_default_room_settings",
    method: Method::GET,
    path: "/api/v1",
};
