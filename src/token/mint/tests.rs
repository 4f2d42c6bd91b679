use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::rooms::testing::room;

const KEY: &str = "example-developer-key-not-a-real-one";
const TEAM: &str = "0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f0";
const ROOM: &str = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";
const NOW: UnixTime = UnixTime::from_seconds(1_781_000_000);
const LATER: UnixTime = UnixTime::from_seconds(1_781_003_600);

fn minter() -> Minter {
    let key = DeveloperKey::parse(SecretString::from(KEY)).unwrap();
    let (clock, _hand) = Clock::manual(NOW);
    let base = RoomBaseUrl::of_origin("https://northwind-health.digitalsamba.com").unwrap();
    let team = TeamId::parse(TEAM).unwrap();
    let key = Arc::new(ArcSwap::from_pointee(key));
    Minter::new(team, key, base, clock, &Metrics::default())
}

fn details(name: &str, initials: &str) -> ParticipantDetails {
    ParticipantDetails {
        display_name: DisplayName::parse(name).ok(),
        initials: Initials::parse(initials).ok(),
        ..ParticipantDetails::default()
    }
}

/// What an admission to `clinic-planning` says.
struct Person {
    room_key: RoomKey,
    user_id: String,
    role: RoleName,
}

impl Person {
    fn new(user_id: &str, role: &str) -> Self {
        Self {
            room_key: RoomKey::parse("clinic-planning").unwrap(),
            user_id: user_id.to_owned(),
            role: RoleName::parse(role).unwrap(),
        }
    }

    fn pass(&self) -> Pass<'_> {
        Pass {
            room_key: Some(&self.room_key),
            user_id: Some(&self.user_id),
            role: &self.role,
            not_before: NOW,
            expires_at: LATER,
        }
    }
}

fn sign(room: &Room, details: &ParticipantDetails) -> Result<RoomToken, MintError> {
    let person = Person::new("user-4711", "moderator");
    let pass = person.pass();
    minter().sign(&pass, &Door::of(room), details, NOW)
}

fn clinic(end_to_end_encrypted: bool) -> Room {
    let roles = ["moderator", "attendee"];
    room("clinic-planning", ROOM, &roles, end_to_end_encrypted)
}

/// Checks a token as any other implementation would: bytes, base64url, HMAC. Gives the texts of
/// header and claims.
fn opened(token: &str, key: &str) -> (String, String) {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    hmac::verify(&key, message.as_bytes(), &signature).unwrap();
    let text = |part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (text(header), text(claims))
}

/// A token of these claims and this key that another implementation signed.
#[test]
fn a_token_is_byte_for_byte_what_another_implementation_signs() {
    const SIGNED_ELSEWHERE: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJ0ZCI6IjBlOGQ3YzZiLTVhNDktNDM4Mi05NzE2LWE1YjRjM2QyZTFmMCIsInJkIjoiNWYwYzJiMWUtN2E0NC00ZDBlLTliNTUtM2U2YzFkOGE5ZjIxIiwidWQiOiJ1c2VyLTQ3MTEiLCJ1IjoiSW5lcyBWYWxkZXoiLCJpbml0aWFscyI6IklWIiwicm9sZSI6Im1vZGVyYXRvciIsImlhdCI6MTc4MTAwMDAwMCwibmJmIjoxNzgxMDAwMDAwLCJleHAiOjE3ODEwMDM2MDB9.4tN4U_5tPTQpH1DbU2cTbWX11Z-VUKa-0QwFaPktJ0I";
    let person = Person::new("user-4711", "moderator");
    let pass = Pass {
        not_before: NOW.plus(CLOCK_SKEW),
        ..person.pass()
    };
    let minter = minter();
    let token = minter
        .sign(
            &pass,
            &Door::of(&clinic(false)),
            &details("Ines Valdez", "IV"),
            NOW,
        )
        .unwrap();
    assert_eq!(token.token(), SIGNED_ELSEWHERE);
    assert_eq!(
        token.join_url(),
        format!(
            "https://northwind-health.digitalsamba.com/clinic-planning?token={SIGNED_ELSEWHERE}"
        )
    );
}

#[test]
fn the_claims_are_exactly_these_in_this_order() {
    let full = ParticipantDetails {
        avatar: AvatarUrl::parse("https://a.example/x.png").ok(),
        breakout_id: BreakoutId::parse("41c7e5d9-0b68-4f2a-9d3c-76a1b8e2f054").ok(),
        ..details("Inès \"Q\" Valdez", "IV")
    };
    let token = sign(&clinic(false), &full).unwrap();
    let (header, claims) = opened(token.token(), KEY);
    assert_eq!(header, r#"{"typ":"JWT","alg":"HS256"}"#);
    assert_eq!(
        claims,
        r#"{"td":"0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f0","rd":"5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21","ud":"user-4711","u":"Inès \"Q\" Valdez","initials":"IV","role":"moderator","avatar":"https://a.example/x.png","breakoutId":"41c7e5d9-0b68-4f2a-9d3c-76a1b8e2f054","iat":1781000000,"nbf":1780999995,"exp":1781003600}"#
    );
    assert_eq!(token.not_before().seconds(), 1_780_999_995);
    assert_eq!(token.expires_at(), LATER);
    assert_eq!(token.refresh_after().seconds(), 1_781_003_540);
}

#[test]
fn the_name_stays_out_of_an_encrypted_room_s_token() {
    let token = sign(&clinic(true), &details("Ines Valdez", "")).unwrap();
    let (_, claims) = opened(token.token(), KEY);
    let claims: Value = serde_json::from_str(&claims).unwrap();
    assert_eq!(
        claims,
        json!({ "td": TEAM, "rd": ROOM, "ud": "user-4711", "role": "moderator", "iat": 1_781_000_000, "nbf": 1_780_999_995, "exp": 1_781_003_600 })
    );
}

#[test]
fn a_role_that_the_room_lacks_is_refused_with_the_roles_it_has() {
    let room = room("clinic-planning", ROOM, &["speaker", "attendee"], false);
    let Err(MintError::RoleNotInRoom { role, roles }) = sign(&room, &details("", "")) else {
        panic!("the role was taken")
    };
    assert_eq!(role.as_str(), "moderator");
    assert_eq!(&*roles, room.roles());
}

#[test]
fn an_admission_to_another_room_gives_no_token() {
    let other = room("clinic-planning-2", ROOM, &["moderator"], false);
    let error = sign(&other, &details("", "")).unwrap_err();
    assert!(matches!(error, MintError::AnotherRoom));
}

#[test]
fn an_admission_whose_time_is_over_gives_no_token() {
    let person = Person::new("u", "moderator");
    let pass = person.pass();
    let sign = |now| minter().sign(&pass, &Door::of(&clinic(false)), &details("", ""), now);
    assert!(matches!(sign(LATER), Err(MintError::Expired)));
    let last = sign(UnixTime::from_seconds(LATER.seconds() - 2)).unwrap();
    assert_eq!(last.refresh_after().seconds(), LATER.seconds() - 1);
}

#[test]
fn a_link_that_is_too_long_names_the_claim_to_shorten() {
    let person = Person::new(&"u".repeat(2000), "moderator");
    let pass = person.pass();
    let long = format!("https://a.example/{}", "x".repeat(1000));
    let details = ParticipantDetails {
        avatar: AvatarUrl::parse(&long).ok(),
        ..ParticipantDetails::default()
    };
    let minter = minter();
    let error = minter.sign(&pass, &Door::of(&clinic(false)), &details, NOW);
    assert!(matches!(error, Err(MintError::LinkTooLong { claim: "ud" })));
    let pass = Pass {
        user_id: Some("u"),
        ..pass
    };
    let token = minter
        .sign(&pass, &Door::of(&clinic(false)), &details, NOW)
        .unwrap();
    assert!(token.join_url().len() <= LINK_BYTES_MAX);
}

#[test]
fn a_replaced_key_signs_from_the_next_token_on() {
    let minter = minter();
    let next = DeveloperKey::parse(SecretString::from("the-next-developer-key")).unwrap();
    minter.key.store(Arc::new(next));
    let person = Person::new("u", "attendee");
    let pass = person.pass();
    let token = minter.sign(&pass, &Door::of(&clinic(false)), &details("", ""), NOW);
    opened(token.unwrap().token(), "the-next-developer-key");
}

#[test]
fn nothing_prints_a_token() {
    let token = sign(&clinic(false), &details("Ines", "IV")).unwrap();
    let printed = format!("{token:?} {:?}", minter());
    assert!(!printed.contains("eyJ") && !printed.contains("example-developer-key"));
}

proptest! {
    #[test]
    fn whatever_the_names_the_token_says_just_that(
        user in "[^\\p{C}]{1,60}", name in ".{0,60}", initials in ".{0,4}",
    ) {
        let person = Person::new(&user, "attendee");
        let pass = person.pass();
        let details = details(&name, &initials);
        let token = minter().sign(&pass, &Door::of(&clinic(false)), &details, NOW).unwrap();
        let (_, claims) = opened(token.token(), KEY);
        let claims: Value = serde_json::from_str(&claims).unwrap();
        prop_assert_eq!(&claims["ud"], &Value::from(user));
        prop_assert_eq!(claims["u"].as_str(), details.display_name.as_ref().map(DisplayName::as_str));
        prop_assert_eq!(claims["initials"].as_str(), details.initials.as_ref().map(Initials::as_str));
        prop_assert_eq!(&claims["rd"], ROOM);
    }
}
