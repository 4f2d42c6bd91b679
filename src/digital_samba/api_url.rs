//! Where the upstream API is, and the targets of its operations.

use std::borrow::Cow;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Url, form_urlencoded};

use crate::domain::{FriendlyUrl, RoomId, SessionId, TextFault, WebhookId};

use super::operations::{BASE_PATH, Operation};

/// What stands in a segment of a path as something else: all but what RFC 3986 section 3.3 lets
/// stand there (`pchar`).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

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

    /// What a request for an operation names (RFC 9112 section 3.2.1), with the values of its
    /// path's parameters, in their order. Each is encoded on its own. Written as text, since it is
    /// read once more when the request is made.
    pub(super) fn with(
        &self,
        operation: &Operation,
        parameters: &[String],
        query: &[(String, String)],
    ) -> String {
        let mut parameters = parameters.iter();
        // One that is missing stays in braces, which name nothing upstream.
        let value = |_name: &str| parameters.next().map(|value| Cow::Borrowed(value.as_str()));
        self.written(operation, value, query)
    }

    /// What a request for an operation names.
    pub(super) fn of(
        &self,
        operation: &Operation,
        room: Option<RoomSegment<'_>>,
        query: &[(&str, String)],
    ) -> String {
        let value = |name: &str| match (name, room?) {
            ("{room}", RoomSegment::Id(id)) => Some(Cow::Owned(id.to_string())),
            ("{room}", RoomSegment::Name(name)) => Some(Cow::Borrowed(name.as_str())),
            ("{session}", RoomSegment::Session(id)) => Some(Cow::Owned(id.to_string())),
            ("{webhook}", RoomSegment::Webhook(id)) => Some(Cow::Owned(id.to_string())),
            _another_parameter => None,
        };
        self.written(operation, value, query)
    }

    fn written<'a, N: AsRef<str>>(
        &self,
        operation: &Operation,
        mut value: impl FnMut(&str) -> Option<Cow<'a, str>>,
        query: &[(N, String)],
    ) -> String {
        let base = self.0.path().trim_end_matches('/');
        let mut target = String::with_capacity(base.len() + 128);
        target.push_str(base);
        target.push_str(BASE_PATH);
        for segment in operation.path.split('/').skip(1) {
            target.push('/');
            if segment.starts_with('{') {
                let value = value(segment).unwrap_or(Cow::Borrowed(segment));
                target.extend(utf8_percent_encode(&value, SEGMENT));
            } else {
                target.push_str(segment);
            }
        }
        if query.is_empty() {
            return target;
        }
        target.push('?');
        let start = target.len();
        form_urlencoded::Serializer::for_suffix(target, start)
            .extend_pairs(query)
            .finish()
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
    fn an_operation_has_its_target_under_any_base() {
        let id = RoomId::parse("5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21").unwrap();
        let name = FriendlyUrl::parse("course-101").unwrap();
        for base in ["https://proxy.example/ds", "https://proxy.example/ds/"] {
            let api: ApiUrl = base.parse().unwrap();
            let under = |path: &str| format!("/ds/api/v1{path}");
            assert_eq!(api.of(&GET_TEAM, None, &[]), under(""));
            assert_eq!(
                api.of(&GET_ROOM, Some(RoomSegment::Name(&name)), &[]),
                under("/rooms/course-101")
            );
            assert_eq!(
                api.of(&CREATE_ROOM_TOKEN, Some(RoomSegment::Id(id)), &[]),
                under("/rooms/5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21/token")
            );
        }
    }

    #[test]
    fn a_value_stays_in_its_place() {
        let api: ApiUrl = "https://proxy.example".parse().unwrap();
        let with = |value: &str| api.with(&GET_ROOM, &[value.to_owned()], &[]);
        for (value, written) in [
            ("a/b?c#d%2f", "a%2Fb%3Fc%23d%252f"),
            ("a b\\\u{e4}\r\n", "a%20b%5C%C3%A4%0D%0A"),
            ("{room}", "%7Broom%7D"),
            ("a-b._~!$&'()*+,;=:@", "a-b._~!$&'()*+,;=:@"),
        ] {
            let target = with(value);
            assert_eq!(target, format!("/api/v1/rooms/{written}"));
            assert_eq!(api.as_url().join(&target).unwrap().path(), target);
        }
        let pairs = [("a b", "c&d=e"), ("order[]", "\u{e4}")];
        let query = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let target = api.with(&GET_TEAM, &[], &query);
        assert_eq!(target, "/api/v1?a+b=c%26d%3De&order%5B%5D=%C3%A4");
        let read = api.as_url().join(&target).unwrap();
        assert!(read.query_pairs().into_owned().eq(query));
    }
}
