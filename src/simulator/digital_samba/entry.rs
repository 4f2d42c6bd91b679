//! Join tokens: how they are signed, and what a room makes of one that is shown at its door.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::participants::Visitor;
use super::team::{Room, Team};
use crate::clock::UnixTime;

/// Why somebody stays outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outside {
    NoToken,
    Unreadable,
    BadSignature,
    WrongTeam,
    WrongRoom,
    UnknownRole,
    TooEarly,
    Expired,
}

impl Outside {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::NoToken => "This room is private and the link carries no token.",
            Self::Unreadable => "The token is not a JWT signed with HS256.",
            Self::BadSignature => "The token's signature is wrong: another developer key made it.",
            Self::WrongTeam => "The token is for another team.",
            Self::WrongRoom => "The token is for another room.",
            Self::UnknownRole => "The token's role is not one of this room.",
            Self::TooEarly => "The token is not valid yet.",
            Self::Expired => "The token has expired.",
        }
    }
}

/// Who may come in, and until when.
pub(super) struct Entry {
    pub(super) visitor: Visitor,
    pub(super) until: Option<UnixTime>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    td: String,
    rd: String,
    ud: Option<String>,
    u: Option<String>,
    initials: Option<String>,
    role: Option<String>,
    nbf: Option<u64>,
    exp: Option<u64>,
}

impl Team {
    /// Signs a join token.
    pub(super) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "typ": "JWT", "alg": "HS256" });
        let signed = format!("{}.{}", part(&header), part(claims));
        let tag = hmac::sign(&self.token_key(), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// Judges a token at a room's door. A public room lets people without one in.
    pub(super) fn judge(&self, room: &Room, token: Option<&str>) -> Result<Entry, Outside> {
        let Some(token) = token else {
            return match room.text("privacy") {
                Some("public") => Ok(Entry {
                    visitor: self.visitor(room, None)?,
                    until: None,
                }),
                Some(_) | None => Err(Outside::NoToken),
            };
        };
        let claims = self.verified(token)?;
        if claims.td != self.id {
            return Err(Outside::WrongTeam);
        }
        if claims.rd != room.id {
            return Err(Outside::WrongRoom);
        }
        let now = self.clock.now().seconds();
        if claims.nbf.is_some_and(|nbf| now < nbf) {
            return Err(Outside::TooEarly);
        }
        if claims.exp.is_some_and(|exp| exp <= now) {
            return Err(Outside::Expired);
        }
        let named = self.visitor(room, claims.role.as_deref())?;
        Ok(Entry {
            visitor: Visitor {
                external_id: claims.ud,
                name: claims.u,
                initials: claims.initials,
                ..named
            },
            until: claims.exp.map(UnixTime::from_seconds),
        })
    }

    /// The role's id, if the room has a role of this id or name.
    pub(super) fn role_in(&self, room: &Room, name: &str) -> Option<String> {
        let role = self.role(name)?;
        room.roles.contains(&role.id).then(|| role.name.clone())
    }

    fn visitor(&self, room: &Room, role: Option<&str>) -> Result<Visitor, Outside> {
        let role = role
            .or(room.default_role.as_deref())
            .and_then(|role| self.role_in(room, role));
        Ok(Visitor {
            role: role.ok_or(Outside::UnknownRole)?,
            ..Visitor::default()
        })
    }

    fn verified(&self, token: &str) -> Result<Claims, Outside> {
        let (signed, tag) = token.rsplit_once('.').ok_or(Outside::Unreadable)?;
        let (header, claims) = signed.split_once('.').ok_or(Outside::Unreadable)?;
        let header: Header = parsed(header).ok_or(Outside::Unreadable)?;
        if header.alg != "HS256" {
            return Err(Outside::Unreadable);
        }
        let tag = URL_SAFE_NO_PAD.decode(tag).unwrap_or_default();
        if hmac::verify(&self.token_key(), signed.as_bytes(), &tag).is_err() {
            return Err(Outside::BadSignature);
        }
        parsed(claims).ok_or(Outside::Unreadable)
    }

    fn token_key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.developer_key.as_bytes())
    }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn parsed<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}
