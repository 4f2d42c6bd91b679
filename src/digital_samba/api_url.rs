//! Where the upstream API is, and the URLs of its operations.

use std::str::FromStr;

use url::Url;

use crate::domain::{FriendlyUrl, RoomId, SessionId, TextFault, WebhookId};

use super::operations::{BASE_PATH, Operation};

/// The base of the upstream API: an `https` URL (or `http` on loopback), before `/api/v1`. The
/// developer key is sent there, so nothing else is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrl(Url);

impl FromStr for ApiUrl {
    type Err = TextFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: TextFault = TextFault::Form {
            expected: "an https URL such as https://api.digitalsamba.com, without /api/v1 (http only on loopback)",
        };
        let url = Url::parse(text).map_err(|_not_a_url| FORM)?;
        let loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let secure = url.scheme() == "https" || (url.scheme() == "http" && loopback);
        let plain = url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && !url.path().trim_end_matches('/').ends_with("/api/v1");
        if !secure || !plain || !url.has_host() {
            return Err(FORM);
        }
        Ok(Self(url))
    }
}

/// What stands for a parameter in a path. Each type holds nothing that a path could misread.
#[derive(Debug, Clone, Copy)]
pub(super) enum RoomSegment<'a> {
    Id(RoomId),
    Name(&'a FriendlyUrl),
    Session(SessionId),
    Webhook(WebhookId),
}

impl ApiUrl {
    /// The base as it is.
    pub(super) fn as_url(&self) -> &Url {
        &self.0
    }

    /// The URL of an operation with the values of its path's parameters, in their order. Each is
    /// encoded on its own.
    pub(super) fn with(&self, operation: &Operation, parameters: &[String]) -> Url {
        let mut url = self.0.clone();
        let mut parameters = parameters.iter();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty();
            segments.extend(BASE_PATH.split('/').skip(1));
            for segment in operation.path.split('/').skip(1) {
                if segment.starts_with('{') {
                    // One that is missing stays in braces, which name nothing upstream.
                    segments.push(parameters.next().map_or(segment, String::as_str));
                } else {
                    segments.push(segment);
                }
            }
        }
        url
    }

    /// The URL of an operation. Each segment is encoded on its own.
    pub(super) fn of(&self, operation: &Operation, room: Option<RoomSegment<'_>>) -> Url {
        let mut url = self.0.clone();
        // `parse` admits http and https alone, which always have segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty();
            segments.extend(BASE_PATH.split('/').skip(1));
            for segment in operation.path.split('/').skip(1) {
                match room {
                    Some(RoomSegment::Id(id)) if segment == "{room}" => {
                        segments.push(&id.to_string());
                    }
                    Some(RoomSegment::Name(name)) if segment == "{room}" => {
                        segments.push(name.as_str());
                    }
                    Some(RoomSegment::Session(id)) if segment == "{session}" => {
                        segments.push(&id.to_string());
                    }
                    Some(RoomSegment::Webhook(id)) if segment == "{webhook}" => {
                        segments.push(&id.to_string());
                    }
                    Some(_) | None => {
                        segments.push(segment);
                    }
                }
            }
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::super::operations::{CREATE_ROOM_TOKEN, GET_ROOM, GET_TEAM};
    use super::*;

    #[test]
    fn the_key_is_sent_over_tls_or_not_at_all() {
        for text in [
            "http://api.digitalsamba.com",
            "ftp://127.0.0.1",
            "https://",
            "https://u:p@api.digitalsamba.com",
            "https://u@api.digitalsamba.com",
            "https://api.digitalsamba.com/?a=b",
            "https://api.digitalsamba.com/#x",
            "https://api.digitalsamba.com/api/v1/",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "api.digitalsamba.com",
        ] {
            assert!(text.parse::<ApiUrl>().is_err(), "{text}");
        }
        for text in [
            "https://api.digitalsamba.com",
            "http://127.0.0.1:8090",
            "http://[::1]:1",
        ] {
            assert!(text.parse::<ApiUrl>().is_ok(), "{text}");
        }
    }

    #[test]
    fn an_operation_has_its_url_under_any_base() {
        let id = RoomId::parse("5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21").unwrap();
        let name = FriendlyUrl::parse("course-101").unwrap();
        for base in ["https://proxy.example/ds", "https://proxy.example/ds/"] {
            let api: ApiUrl = base.parse().unwrap();
            assert_eq!(
                api.of(&GET_TEAM, None).as_str(),
                "https://proxy.example/ds/api/v1"
            );
            assert_eq!(
                api.of(&GET_ROOM, Some(RoomSegment::Name(&name))).path(),
                "/ds/api/v1/rooms/course-101"
            );
            assert_eq!(
                api.of(&CREATE_ROOM_TOKEN, Some(RoomSegment::Id(id))).path(),
                "/ds/api/v1/rooms/5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21/token"
            );
        }
    }
}
