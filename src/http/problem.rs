//! What a client can be told: problem details (RFC 9457), one row for each code. The only place
//! where failures become statuses. A problem has no field that could carry a cause to the wire.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use serde::Serialize;

use crate::domain::{RequestId, RoleName, Scope};

/// One row: the code on the wire, its status, its title.
type Row = (&'static str, StatusCode, &'static str);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:ident, $title:literal;)+) => {
        /// A stable code, the member `code` of a problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* #[doc = $title] $name,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code's row of the table.
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$name => ($code, StatusCode::$status, $title),)+
                }
            }
        }
    };
}

codes! {
    BadRequest = "bad-request", BAD_REQUEST, "The request cannot be read";
    MalformedJson = "malformed-json", BAD_REQUEST, "The body is not JSON";
    UnknownMember = "unknown-member", BAD_REQUEST, "The body has a member that is not known here";
    InvalidField = "invalid-field", BAD_REQUEST, "A member of the body has a value that cannot be used";
    InvalidRoomKey = "invalid-room-key", BAD_REQUEST, "The room key cannot be used";
    AmbiguousCredentials = "ambiguous-credentials", BAD_REQUEST, "The request has more than one credential";
    Unauthorized = "unauthorized", UNAUTHORIZED, "A valid credential is required";
    InsufficientScope = "insufficient-scope", FORBIDDEN, "The credential lacks the scope that this needs";
    Forbidden = "forbidden", FORBIDDEN, "This room is not open to the caller";
    RoleNotAllowed = "role-not-allowed", FORBIDDEN, "The role may not be chosen by the caller";
    FieldNotAllowed = "field-not-allowed", FORBIDDEN, "The member may not be chosen by the caller";
    NoSuchRoom = "no-such-room", NOT_FOUND, "There is no such room";
    NotFound = "not-found", NOT_FOUND, "There is nothing at this path";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "The method is not offered at this path";
    NotAcceptable = "not-acceptable", NOT_ACCEPTABLE, "The answer is offered as application/json only";
    BodyTimeout = "body-timeout", REQUEST_TIMEOUT, "The body did not arrive in time";
    RoleNotInRoom = "role-not-in-room", CONFLICT, "The room does not offer the role that policy gives";
    RoomConflict = "room-conflict", CONFLICT, "The room of this name cannot be used";
    RoomFull = "room-full", CONFLICT, "The room is full";
    RoomLive = "room-live", CONFLICT, "Somebody is in the room";
    DenialEnded = "denial-ended", CONFLICT, "The denial would have ended already";
    DenialUnreadable = "denial-unreadable", CONFLICT, "The denial has a form that this version cannot read";
    SettingsConflict = "settings-conflict", CONFLICT, "The settings contradict each other or the room's template";
    SettingsRejected = "settings-rejected", CONFLICT, "The video service rejects the settings";
    IdempotencyKeyInUse = "idempotency-key-in-use", CONFLICT, "A request with this idempotency key is under way";
    PayloadTooLarge = "payload-too-large", PAYLOAD_TOO_LARGE, "The body is too large";
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "The body has a media type that is not taken here";
    LinkTooLong = "link-too-long", UNPROCESSABLE_ENTITY, "The join link would be too long";
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The idempotency key stands for another request";
    RateLimited = "rate-limited", TOO_MANY_REQUESTS, "Too many requests";
    HeadersTooLarge = "headers-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The header fields are too large";
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong here";
    NotImplemented = "not-implemented", NOT_IMPLEMENTED, "The video service no longer offers this operation";
    UpstreamRefused = "upstream-refused", BAD_GATEWAY, "The video service refuses this service";
    UpstreamMalformed = "upstream-malformed", BAD_GATEWAY, "The video service gave an answer that cannot be read";
    UpstreamRejected = "upstream-rejected", BAD_GATEWAY, "The video service rejects the room's settings";
    UpstreamUnavailable = "upstream-unavailable", SERVICE_UNAVAILABLE, "The video service is unavailable";
    UpstreamBusy = "upstream-busy", SERVICE_UNAVAILABLE, "The video service takes no more requests for now";
    UpstreamTimeout = "upstream-timeout", GATEWAY_TIMEOUT, "The video service did not answer in time";
    StateUnavailable = "state-unavailable", SERVICE_UNAVAILABLE, "The state that replicas share is unavailable";
    IdentityProviderUnavailable = "identity-provider-unavailable", SERVICE_UNAVAILABLE, "The identity provider is unavailable";
}

impl Code {
    /// The code on the wire.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// Its status.
    pub const fn status(self) -> StatusCode {
        self.row().1
    }

    /// Its title.
    pub const fn title(self) -> &'static str {
        self.row().2
    }

    /// The code that stands for a status which the framework chose.
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::NOT_ACCEPTABLE => Self::NotAcceptable,
            StatusCode::REQUEST_TIMEOUT => Self::BodyTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::PayloadTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Self::HeadersTooLarge,
            status if status.is_client_error() => Self::BadRequest,
            _server_error => Self::Internal,
        }
    }
}

/// What the log reads of a failure, beside what the caller reads.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failure on its way out. Boxed: it is rare, and results that carry it are returned everywhere.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: Code,
    detail: Option<Cow<'static, str>>,
    extension: Extension,
    challenge: Option<Cow<'static, str>>,
    cause: Option<Cause>,
}

/// Members beyond RFC 9457's own.
#[derive(Debug, Default, Serialize)]
struct Extension {
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<RoleName>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

#[derive(Serialize)]
struct WireProblem<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    request_id: RequestId,
    #[serde(flatten)]
    extension: &'a Extension,
}

impl Problem {
    /// A problem of this code.
    pub fn new(code: Code) -> Self {
        Self(Box::new(Parts {
            code,
            detail: None,
            extension: Extension::default(),
            challenge: None,
            cause: None,
        }))
    }

    /// Says what to change. Never holds text of an upstream, a secret or a caller.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Names the member of the body that is at fault.
    #[must_use]
    pub fn member(mut self, member: impl Into<String>) -> Self {
        self.0.extension.member = Some(member.into());
        self
    }

    /// Names the roles that could be asked for.
    #[must_use]
    pub fn roles(mut self, roles: Vec<RoleName>) -> Self {
        self.0.extension.roles = Some(roles);
        self
    }

    /// Names the claim that is at fault.
    #[must_use]
    pub fn claim(mut self, claim: &'static str) -> Self {
        self.0.extension.claim = Some(claim);
        self
    }

    /// Names the scope that is missing, for the caller and in the challenge (RFC 6750 section 3.1).
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.0.extension.scope = Some(scope);
        self.challenge(format!(
            r#"Bearer realm="room-broker", error="insufficient_scope", scope="{scope}""#
        ))
    }

    /// Says when to come back (RFC 9110 section 10.2.3), rounded up to whole seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        let rounded = if after.subsec_nanos() > 0 {
            after.as_secs().saturating_add(1)
        } else {
            after.as_secs()
        };
        self.0.extension.retry_after = Some(rounded.max(1));
        self
    }

    /// Adds a challenge (RFC 6750 section 3).
    #[must_use]
    pub fn challenge(mut self, challenge: impl Into<Cow<'static, str>>) -> Self {
        self.0.challenge = Some(challenge.into());
        self
    }

    /// Keeps what the log shall read.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What the log reads.
    pub fn cause(&self) -> Option<&Cause> {
        self.0.cause.as_ref()
    }

    /// The body. `path_prefix` is where a proxy mounts the page that its `type` points to.
    pub fn body(&self, request_id: RequestId, path_prefix: &str) -> Vec<u8> {
        let (code, status, title) = self.0.code.row();
        let wire = WireProblem {
            r#type: &format!("{path_prefix}/docs#problem-{code}"),
            title,
            status: status.as_u16(),
            code,
            detail: self.0.detail.as_deref(),
            request_id,
            extension: &self.0.extension,
        };
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// Adds the header fields that belong to it.
    pub fn add_headers(&self, headers: &mut header::HeaderMap) {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.0.extension.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        let challenge = self.0.challenge.as_deref();
        if let Some(Ok(challenge)) = challenge.map(HeaderValue::from_str) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.code.as_str())
    }
}

impl std::error::Error for Problem {}

impl actix_web::ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.code.status()
    }

    /// The status alone: `http/edge.rs` writes the body, since it knows the request's id.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.0.code.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_an_error() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code:?} twice");
            assert!(code.status().is_client_error() || code.status().is_server_error());
        }
    }

    #[test]
    fn a_wait_is_rounded_up_and_never_zero() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2)] {
            let problem =
                Problem::new(Code::RateLimited).retry_after(Duration::from_millis(millis));
            assert_eq!(
                problem.0.extension.retry_after,
                Some(seconds),
                "{millis} ms"
            );
        }
    }
}
