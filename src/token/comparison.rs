//! Holds a token that upstream signed against what we would sign: for `doctor`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::{Algorithm, crypto};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use crate::developer_key::DeveloperKey;
use crate::domain::{RoomId, TeamId};

/// How upstream's own token compares with ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    /// It is for our team (`td`).
    pub same_team: bool,
    /// It is for the room, by its id (`rd`).
    pub same_room: bool,
    /// It is signed with our developer key.
    pub same_key: bool,
}

#[derive(Deserialize)]
struct ComparedClaims {
    td: String,
    rd: String,
}

/// Compares a token that upstream signed for a room; `None` if it is no token.
pub fn compare(
    upstream_token: &str,
    key: &DeveloperKey,
    team: TeamId,
    room: RoomId,
) -> Option<Comparison> {
    let (message, signature) = upstream_token.rsplit_once('.')?;
    let (_header, payload) = message.split_once('.')?;
    let claims: ComparedClaims = serde_json::from_slice(&BASE64URL.decode(payload).ok()?).ok()?;
    let ours = crypto::sign(message.as_bytes(), key.signer(), Algorithm::HS256).ok()?;
    Some(Comparison {
        same_team: claims.td == team.to_string(),
        same_room: claims.rd == room.to_string(),
        same_key: bool::from(ours.as_bytes().ct_eq(signature.as_bytes())),
    })
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    /// Upstream's published shape, signed with a dummy key.
    const TOKEN: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJ0ZCI6IjBlOGQ3YzZiLTVhNDktNDM4Mi05NzE2LWE1YjRjM2QyZTFmMCIsInJkIjoiNWYwYzJiMWUtN2E0NC00ZDBlLTliNTUtM2U2YzFkOGE5ZjIxIiwidWQiOiJ1c2VyLTQ3MTEiLCJ1IjoiSW5lcyBWYWxkZXoiLCJpbml0aWFscyI6IklWIiwicm9sZSI6Im1vZGVyYXRvciIsImlhdCI6MTc4MTAwMDAwMCwibmJmIjoxNzgxMDAwMDAwLCJleHAiOjE3ODEwMDM2MDB9.4tN4U_5tPTQpH1DbU2cTbWX11Z-VUKa-0QwFaPktJ0I";

    fn compared(key: &str, team: &str, room: &str) -> Option<Comparison> {
        let key = DeveloperKey::parse(SecretString::from(key)).unwrap();
        compare(
            TOKEN,
            &key,
            TeamId::parse(team).unwrap(),
            RoomId::parse(room).unwrap(),
        )
    }

    #[test]
    fn each_difference_is_told() {
        let key = "example-developer-key-not-a-real-one";
        let team = "0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f0";
        let room = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";
        let all = |same_team, same_room, same_key| {
            Some(Comparison {
                same_team,
                same_room,
                same_key,
            })
        };
        assert_eq!(compared(key, team, room), all(true, true, true));
        assert_eq!(
            compared("another-key-of-the-team", team, room),
            all(true, true, false)
        );
        assert_eq!(compared(key, room, room), all(false, true, true));
        assert_eq!(compared(key, team, team), all(true, false, true));
    }
}
