//! What an issuer's claims must say before anybody is believed to be somebody: a pure function of
//! the claims, what is expected of them, and the time.

use std::time::Duration;

use crate::clock::UnixTime;

use super::claims::ClaimPointer;
use super::errors::InvalidReason;
use super::json::{Json, Members};

/// The most clock difference that any configuration may tolerate for `exp`, `nbf` and `iat`: beyond
/// it an expired token would live noticeably longer.
pub const LEEWAY_MAX: Duration = Duration::from_secs(60);

/// The last second that a claim may name, the end of the year 9999: larger numbers are mistakes,
/// such as milliseconds, or attempts to overflow.
const SECONDS_MAX: u64 = 253_402_300_799;

/// What the claims of one issuer must say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) audiences: &'a [String],
    pub(super) audience_claim: Option<&'a ClaimPointer>,
    pub(super) leeway: Duration,
    pub(super) source: Source,
}

/// Where claims came from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    /// A token: `iss` and `exp` are required, and `exp` is at most this far away.
    Token { lifetime_max: Duration },
    /// The issuer's own answer about a token: `iss` and `exp` are optional (RFC 7662 section 2.2).
    Introspection,
}

/// Checks the claims; gives `exp`.
pub(super) fn check(
    claims: &Members<'_>,
    expected: &Expected<'_>,
    now: UnixTime,
) -> Result<Option<UnixTime>, InvalidReason> {
    check_issuer(claims, expected)?;
    check_audience(claims, expected)?;
    check_purpose(claims)?;
    check_start(claims, expected, now)?;
    check_expiry(claims, expected, now)
}

/// The end of what a token may be used for: its `exp` and the tolerated difference of clocks.
pub(super) fn usable_until(expires_at: UnixTime, leeway: Duration) -> UnixTime {
    expires_at.plus(leeway)
}

fn check_issuer(claims: &Members<'_>, expected: &Expected<'_>) -> Result<(), InvalidReason> {
    match (claims.get("iss"), expected.source) {
        (Some(Json::Text(issuer)), _) if issuer == expected.issuer => Ok(()),
        (None, Source::Introspection) => Ok(()),
        (None | Some(_), _) => Err(InvalidReason::Issuer),
    }
}

/// `aud` decides where there is one. The stand-in counts only in its absence: beside an `aud` that
/// names somebody else it would let in a token that was made for them.
fn check_audience(claims: &Members<'_>, expected: &Expected<'_>) -> Result<(), InvalidReason> {
    let audience = match (claims.get("aud"), expected.audience_claim) {
        (Some(audience), _) => Some(audience),
        (None, Some(pointer)) => pointer.find(claims),
        (None, None) => None,
    };
    let is_ours = |name: &Json<'_>| {
        name.as_str()
            .is_some_and(|name| expected.audiences.iter().any(|ours| ours == name))
    };
    let holds = match audience {
        Some(Json::List(names)) => {
            names.iter().all(|name| name.as_str().is_some()) && names.iter().any(is_ours)
        }
        Some(name) => is_ours(name),
        None => false,
    };
    if holds {
        Ok(())
    } else {
        Err(InvalidReason::Audience)
    }
}

/// Refuses our own room tokens (a join link leaks into histories and logs) and event tokens, of
/// which logout tokens are one (OpenID Connect Back-Channel Logout section 2.4).
fn check_purpose(claims: &Members<'_>) -> Result<(), InvalidReason> {
    let is_room_token = claims.contains("td") && claims.contains("rd");
    if is_room_token || claims.contains("events") {
        return Err(InvalidReason::OtherPurpose);
    }
    Ok(())
}

fn check_start(
    claims: &Members<'_>,
    expected: &Expected<'_>,
    now: UnixTime,
) -> Result<(), InvalidReason> {
    let latest = now.plus(expected.leeway);
    for (name, reason) in [
        ("nbf", InvalidReason::NotYetValid),
        ("iat", InvalidReason::IssuedInFuture),
    ] {
        if let Some(value) = claims.get(name)
            && numeric_date(value).is_none_or(|start| start > latest)
        {
            return Err(reason);
        }
    }
    Ok(())
}

fn check_expiry(
    claims: &Members<'_>,
    expected: &Expected<'_>,
    now: UnixTime,
) -> Result<Option<UnixTime>, InvalidReason> {
    let expires_at = match (claims.get("exp"), expected.source) {
        (Some(value), _) => numeric_date(value).ok_or(InvalidReason::ExpiryMissing)?,
        (None, Source::Introspection) => return Ok(None),
        (None, Source::Token { .. }) => return Err(InvalidReason::ExpiryMissing),
    };
    if now >= usable_until(expires_at, expected.leeway) {
        return Err(InvalidReason::Expired);
    }
    if let Source::Token { lifetime_max } = expected.source
        && expires_at > now.plus(lifetime_max).plus(expected.leeway)
    {
        return Err(InvalidReason::LifetimeTooLong);
    }
    Ok(Some(expires_at))
}

/// A `NumericDate` as every provider writes it: a whole number. Fractions, exponents, text and
/// negative numbers are refused rather than rounded.
fn numeric_date(value: &Json<'_>) -> Option<UnixTime> {
    let seconds = value.as_u64().filter(|seconds| *seconds <= SECONDS_MAX)?;
    Some(UnixTime::from_seconds(seconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::authn::testing::{NOW, claims, claims_but};

    const LEEWAY: Duration = Duration::from_secs(30);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn outcome(claims: &Value, source: Source) -> Result<Option<UnixTime>, InvalidReason> {
        let audiences = ["app".to_owned(), "other-app".to_owned()];
        let expected = Expected {
            issuer: "https://id.example",
            audiences: &audiences,
            audience_claim: Some(&ClaimPointer::to_top("client_id")),
            leeway: LEEWAY,
            source,
        };
        check(&Members::of(claims.as_object().unwrap()), &expected, NOW)
    }

    fn of_token(claims: &Value) -> Result<Option<UnixTime>, InvalidReason> {
        outcome(claims, Source::Token { lifetime_max: DAY })
    }

    #[test]
    fn one_wrong_claim_is_enough() {
        let now = NOW.seconds();
        for (name, value, reason) in [
            ("iss", json!(null), InvalidReason::Issuer),
            ("iss", json!("https://id.example/"), InvalidReason::Issuer),
            ("iss", json!("HTTPS://id.example"), InvalidReason::Issuer),
            ("iss", json!(["https://id.example"]), InvalidReason::Issuer),
            ("aud", json!(null), InvalidReason::Audience),
            ("aud", json!("App"), InvalidReason::Audience),
            ("aud", json!(""), InvalidReason::Audience),
            ("aud", json!([]), InvalidReason::Audience),
            ("aud", json!(["foreign"]), InvalidReason::Audience),
            ("aud", json!(["app", 1]), InvalidReason::Audience),
            ("aud", json!({ "app": "app" }), InvalidReason::Audience),
            ("exp", json!(null), InvalidReason::ExpiryMissing),
            ("exp", json!("1800000600"), InvalidReason::ExpiryMissing),
            ("exp", json!(1_800_000_600.0), InvalidReason::ExpiryMissing),
            ("exp", json!(1_800_000_600.5), InvalidReason::ExpiryMissing),
            ("exp", json!(1e300), InvalidReason::ExpiryMissing),
            ("exp", json!(-1), InvalidReason::ExpiryMissing),
            ("exp", json!(u64::MAX), InvalidReason::ExpiryMissing),
            ("exp", json!([now + 600]), InvalidReason::ExpiryMissing),
            ("exp", json!(true), InvalidReason::ExpiryMissing),
            (
                "exp",
                json!((now + 600) * 1000),
                InvalidReason::ExpiryMissing,
            ),
            ("exp", json!(0), InvalidReason::Expired),
            ("exp", json!(now - 30), InvalidReason::Expired),
            (
                "exp",
                json!(now + 86_400 + 31),
                InvalidReason::LifetimeTooLong,
            ),
            ("nbf", json!(now + 31), InvalidReason::NotYetValid),
            ("nbf", json!("0"), InvalidReason::NotYetValid),
            ("nbf", json!(-1), InvalidReason::NotYetValid),
            ("iat", json!(now + 31), InvalidReason::IssuedInFuture),
            ("iat", json!(1.5), InvalidReason::IssuedInFuture),
            ("events", json!({}), InvalidReason::OtherPurpose),
        ] {
            let claims = claims_but(name, value);
            assert_eq!(of_token(&claims), Err(reason), "{name}: {}", claims[name]);
        }
    }

    #[test]
    fn the_bounds_themselves_hold() {
        let now = NOW.seconds();
        for (name, value) in [
            ("aud", json!(["foreign", "other-app"])),
            ("exp", json!(now - 29)),
            ("exp", json!(now + 86_400 + 30)),
            ("nbf", json!(now + 30)),
            ("iat", json!(now + 30)),
            ("iat", json!(null)),
        ] {
            assert!(
                of_token(&claims_but(name, value.clone())).is_ok(),
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn the_stand_in_counts_only_where_there_is_no_audience() {
        let mut claims = claims_but("aud", json!(null));
        claims["client_id"] = json!("app");
        assert!(of_token(&claims).is_ok());
        claims["aud"] = json!("foreign");
        assert_eq!(of_token(&claims), Err(InvalidReason::Audience));
    }

    #[test]
    fn our_own_room_tokens_are_no_credentials() {
        let mut claims = claims_but("td", json!("team"));
        assert!(of_token(&claims).is_ok());
        claims["rd"] = json!("room");
        assert_eq!(of_token(&claims), Err(InvalidReason::OtherPurpose));
    }

    #[test]
    fn an_introspection_answer_may_leave_out_issuer_and_expiry_but_not_the_audience() {
        let mut bare = claims_but("iss", json!(null));
        bare["exp"] = json!(NOW.seconds() + 100 * 86_400);
        assert!(outcome(&bare, Source::Introspection).is_ok());
        bare.as_object_mut().unwrap().remove("exp");
        assert_eq!(outcome(&bare, Source::Introspection), Ok(None));
        for (name, value) in [("iss", json!("x")), ("exp", json!(1)), ("aud", json!(null))] {
            let claims = claims_but(name, value);
            assert!(outcome(&claims, Source::Introspection).is_err(), "{name}");
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            (NOW.seconds() - 100..NOW.seconds() + 100_000).prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            Just(json!(null)),
            Just(json!(["app", []])),
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_let_in_ends_in_time(exp in any_value(), nbf in any_value(), aud in any_value()) {
            let mut claims = claims();
            claims["exp"] = exp;
            claims["nbf"] = nbf;
            if let Ok(end) = of_token(&claims) {
                prop_assert!(end.is_some_and(|end| end <= NOW.plus(DAY).plus(LEEWAY)));
            }
            claims["aud"] = aud;
            prop_assert!(of_token(&claims).is_err());
        }
    }
}
