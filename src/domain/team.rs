//! Where a team's rooms live.

use std::sync::Arc;

use super::parsed_text;
use super::text::{TextFault, check_length};

const RESERVED: [&str; 6] = ["docs", "api", "dev-api", "staging-api", "you", "dashboard"];

/// A team's subdomain of `digitalsamba.com`: 3–32 letters, digits, `-` and `_`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TeamDomain(Arc<str>);

impl TeamDomain {
    /// Parses a team domain.
    ///
    /// # Errors
    /// [`TextFault`] for a wrong length or character, or one of upstream's reserved names.
    pub fn parse(text: &str) -> Result<Self, TextFault> {
        check_length(text, 3, 32)?;
        if !text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            return Err(TextFault::Character {
                allowed: "ASCII letters, digits, - and _",
            });
        }
        if RESERVED
            .iter()
            .any(|reserved| reserved.eq_ignore_ascii_case(text))
        {
            return Err(TextFault::Reserved);
        }
        Ok(Self(Arc::from(text)))
    }

    /// The subdomain as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

parsed_text!(TeamDomain);

/// What a room's `friendly_url` is appended to: an origin with a trailing slash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomBaseUrl {
    base: Arc<str>,
    team: Option<TeamDomain>,
    host: Arc<str>,
}

impl RoomBaseUrl {
    /// `https://{team}.digitalsamba.com/`.
    pub fn of_team(team: TeamDomain) -> Self {
        let host = format!("{team}.digitalsamba.com");
        Self {
            base: Arc::from(format!("https://{host}/")),
            team: Some(team),
            host: Arc::from(host),
        }
    }

    /// An origin of the operator's: a custom host name, or the simulator.
    ///
    /// # Errors
    /// [`TextFault::Form`] unless it is an `https` (or loopback `http`) origin without path.
    pub fn of_origin(origin: &str) -> Result<Self, TextFault> {
        const FORM: TextFault = TextFault::Form {
            expected: "an https origin such as https://meet.example.com",
        };
        let url = url::Url::parse(origin).map_err(|_not_a_url| FORM)?;
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty();
        let Some(host) = url.host_str() else {
            return Err(FORM);
        };
        let loopback = matches!(host, "127.0.0.1" | "localhost" | "[::1]");
        if !bare || !(url.scheme() == "https" || (url.scheme() == "http" && loopback)) {
            return Err(FORM);
        }
        let host = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Self {
            base: Arc::from(url.as_str()),
            team: None,
            host: Arc::from(host),
        })
    }

    /// The origin with its trailing slash.
    pub fn as_str(&self) -> &str {
        &self.base
    }

    /// The team's subdomain, where rooms live under it (the embedded SDK's `team`).
    pub fn team(&self) -> Option<&TeamDomain> {
        self.team.as_ref()
    }

    /// Host and, unless it is the scheme's own, port (the embedded SDK's `cname`).
    pub fn host(&self) -> &str {
        &self.host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_a_bare_secure_origin() {
        assert_eq!(
            RoomBaseUrl::of_origin("https://meet.acme.com")
                .unwrap()
                .as_str(),
            "https://meet.acme.com/"
        );
        assert_eq!(
            RoomBaseUrl::of_origin("http://127.0.0.1:8090")
                .unwrap()
                .host(),
            "127.0.0.1:8090"
        );
        for text in [
            "http://meet.acme.com",
            "https://meet.acme.com/x",
            "https://a@meet.acme.com",
            "ftp://x",
            "meet",
        ] {
            assert!(RoomBaseUrl::of_origin(text).is_err(), "{text}");
        }
    }
}
