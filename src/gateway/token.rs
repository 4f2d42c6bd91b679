//! `POST /rooms/{room}/token`, answered without upstream: the same shape, signed here, and always
//! with an end within what policy allows.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock::UnixTime;
use crate::digital_samba::{ForwardBody, Forwarded, RoomFacts};
use crate::domain::{AvatarUrl, BreakoutId, DisplayName, Initials, RoleName, TextFault};
use crate::token::{ParticipantDetails, ServicePass, ServiceWish};

use super::Gateway;
use super::call::Wanted;
use super::error::GatewayError;
use super::older::in_json;
use super::refusal::invalid;
use super::room_access::RoomOfCall;

/// Smaller numbers are minutes from now, larger ones unix seconds. Upstream does not say where it
/// draws the line; this is nineteen years of minutes, or April 1970.
const MINUTES_MAX: u64 = 9_999_999;
/// The longest `ud`: a room token travels in a URL.
const USER_ID_BYTES_MAX: usize = 512;

/// The body, all of whose members may be null or missing. Upstream ignores others, and so do we.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenBody {
    ud: Value,
    u: Value,
    initials: Value,
    role: Value,
    #[serde(rename = "breakoutId")]
    breakout_id: Value,
    avatar: Value,
    nbf: Value,
    exp: Value,
}

/// A token's contents, read.
struct Asked {
    user_id: Option<String>,
    role: RoleName,
    details: ParticipantDetails,
    not_before: Option<UnixTime>,
    expires_at: UnixTime,
}

/// The member that is at fault, and how.
struct Faulty {
    member: &'static str,
    problem: String,
}

impl Gateway {
    /// Signs the token that a product backend asks for.
    pub(super) fn token(
        &self,
        wanted: &Wanted<'_>,
        room: &RoomOfCall,
    ) -> Result<Forwarded, GatewayError> {
        let facts = room.facts().ok_or(GatewayError::RoomNotOpen)?;
        let body = match &wanted.body {
            ForwardBody::Json(json) => {
                serde_json::from_slice(json).map_err(|_error| GatewayError::NotAnObject)?
            }
            ForwardBody::Nothing | ForwardBody::Upload(_) => TokenBody::default(),
        };
        let now = self.broker.clock.now();
        let latest = now.plus(self.live.load().policy.token_ttl_max());
        let asked = match Asked::read(body, facts, now, latest) {
            Ok(asked) => asked,
            Err(Faulty { member, problem }) => {
                return Ok(invalid(member, &format!("The {member} {problem}.")));
            }
        };
        if let Some(user_id) = &asked.user_id {
            self.broker.denials.check_user(user_id, room.key(), now)?;
        }
        let wish = ServiceWish {
            user_id: asked.user_id.as_deref(),
            role: &asked.role,
            not_before: asked.not_before,
            expires_at: asked.expires_at,
        };
        let pass =
            ServicePass::of(wanted.service, &facts.room, wish).ok_or(GatewayError::RoomNotOpen)?;
        let minter = &self.broker.minter;
        let token = minter.mint_for_service(&pass, &asked.details, now)?;
        let body = json!({ "token": token.token(), "link": token.join_url() });
        Ok(in_json(200, &body))
    }
}

impl Asked {
    fn read(
        body: TokenBody,
        facts: &RoomFacts,
        now: UnixTime,
        latest: UnixTime,
    ) -> Result<Self, Faulty> {
        let role = match text("role", body.role)? {
            Some(name) => facts.role(&name).cloned(),
            None => facts.room.default_role.clone(),
        };
        let role = role.ok_or_else(|| faulty("role", "chosen is invalid"))?;
        let user_id = text("ud", body.ud)?;
        if user_id
            .as_ref()
            .is_some_and(|id| id.len() > USER_ID_BYTES_MAX)
        {
            let problem = format!("must have at most {USER_ID_BYTES_MAX} bytes");
            return Err(faulty("ud", problem));
        }
        let details = ParticipantDetails {
            display_name: parsed("u", body.u, DisplayName::parse)?,
            initials: parsed("initials", body.initials, Initials::parse)?,
            avatar: parsed("avatar", body.avatar, AvatarUrl::parse)?,
            breakout_id: parsed("breakoutId", body.breakout_id, BreakoutId::parse)?,
        };
        let not_before = if body.nbf.is_null() {
            None
        } else {
            Some(seconds(&body.nbf).ok_or_else(|| faulty("nbf", "is not a valid time"))?)
        };
        let expires_at = if body.exp.is_null() {
            latest
        } else {
            expiry(&body.exp, now).ok_or_else(|| faulty("exp", "is not a valid time"))?
        };
        let expires_at = expires_at.min(latest);
        if expires_at <= now || not_before.is_some_and(|from| expires_at <= from) {
            return Err(faulty("exp", "must be after now and after nbf"));
        }
        Ok(Self {
            user_id,
            role,
            details,
            not_before,
            expires_at,
        })
    }
}

fn faulty(member: &'static str, problem: impl Into<String>) -> Faulty {
    Faulty {
        member,
        problem: problem.into(),
    }
}

fn text(member: &'static str, value: Value) -> Result<Option<String>, Faulty> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(faulty(member, "must be a string"))
        }
    }
}

fn parsed<T>(
    member: &'static str,
    value: Value,
    parse: fn(&str) -> Result<T, TextFault>,
) -> Result<Option<T>, Faulty> {
    match text(member, value)? {
        Some(text) => parse(&text)
            .map(Some)
            .map_err(|fault| faulty(member, fault.to_string())),
        None => Ok(None),
    }
}

/// Unix seconds, minutes from now, or a date with or without a time.
fn expiry(value: &Value, now: UnixTime) -> Option<UnixTime> {
    match value.as_u64() {
        Some(minutes @ 0..=MINUTES_MAX) => {
            let seconds = minutes.saturating_mul(60);
            Some(now.plus(std::time::Duration::from_secs(seconds)))
        }
        Some(_) | None => seconds(value),
    }
}

/// Unix seconds, or a date with or without a time, which is UTC where it does not say.
fn seconds(value: &Value) -> Option<UnixTime> {
    let seconds = match value {
        Value::Number(number) => return number.as_u64().map(UnixTime::from_seconds),
        Value::String(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(time) => time.timestamp(),
            Err(_no_zone) => without_zone(text)?.and_utc().timestamp(),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    u64::try_from(seconds).ok().map(UnixTime::from_seconds)
}

/// A date and time, or a date alone, which is its first moment.
fn without_zone(text: &str) -> Option<NaiveDateTime> {
    let mut forms = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"].iter();
    let time = forms.find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let day = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    time.or_else(day)
}
