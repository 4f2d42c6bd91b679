//! What the claims say: when, by whom, for whom, about whom.

use room_broker::simulator::identity_provider::User;
use serde_json::{Value, json};

use super::{NOW, assert_accepted, assert_refused, rsa_kid, with_claims, without_claim};
use crate::support::TestApp;

const DAY: u64 = 24 * 3600;
/// `authn.leeway` by default.
const LEEWAY: u64 = 30;

fn claim(app: &TestApp, name: &str, value: &Value) -> String {
    with_claims(app, &json!({ name: value }))
}

/// Ada's token whose claim is written as this text, which no JSON library would write.
fn claim_written(app: &TestApp, name: &str, text: &str) -> String {
    const MARK: &str = "MARK";
    let claims = super::claims_but(app, &json!({ name: MARK })).to_string();
    let claims = claims.replace(&format!("\"{MARK}\""), text);
    let kid = rsa_kid(app);
    let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": kid }).to_string();
    app.provider.sign_raw(&kid, &header, &claims).unwrap()
}

#[tokio::test]
async fn an_expiry_is_a_whole_number_of_seconds_neither_past_nor_too_far_ahead() {
    let app = TestApp::spawn().await;
    let exp = |value: Value| claim(&app, "exp", &value);
    let later = NOW + 600;
    assert_refused(
        &app,
        &[
            ("missing", without_claim(&app, "exp")),
            ("null", exp(Value::Null)),
            ("text", exp(json!(later.to_string()))),
            ("empty text", exp(json!(""))),
            (
                "a fraction",
                claim_written(&app, "exp", &format!("{later}.5")),
            ),
            (
                "a whole fraction",
                claim_written(&app, "exp", &format!("{later}.0")),
            ),
            ("an exponent", claim_written(&app, "exp", "17893e5")),
            ("negative", exp(json!(-1))),
            ("negative zero", claim_written(&app, "exp", "-0")),
            ("zero", exp(json!(0))),
            ("true", exp(json!(true))),
            ("a list", exp(json!([later]))),
            ("an object", exp(json!({ "seconds": later }))),
            ("milliseconds", exp(json!(later * 1000))),
            ("the greatest i64", exp(json!(i64::MAX))),
            ("the greatest u64", exp(json!(u64::MAX))),
            ("beyond every integer", claim_written(&app, "exp", "1e400")),
            (
                "beyond u64",
                claim_written(&app, "exp", "18446744073709551616"),
            ),
            ("not JSON", claim_written(&app, "exp", "NaN")),
            ("a year ahead", exp(json!(NOW + 365 * DAY))),
            ("a second too far ahead", exp(json!(NOW + DAY + LEEWAY + 1))),
            ("past by the leeway", exp(json!(NOW - LEEWAY))),
            ("long past", exp(json!(NOW - DAY))),
        ],
    )
    .await;
    assert_accepted(
        &app,
        &[
            ("just within the leeway", exp(json!(NOW - LEEWAY + 1))),
            ("as far ahead as allowed", exp(json!(NOW + DAY + LEEWAY))),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_beginning_lies_in_the_past_give_or_take_the_leeway() {
    let app = TestApp::spawn().await;
    for name in ["nbf", "iat"] {
        let start = |value: Value| claim(&app, name, &value);
        assert_refused(
            &app,
            &[
                (
                    "ahead by more than the leeway",
                    start(json!(NOW + LEEWAY + 1)),
                ),
                ("far ahead", start(json!(NOW + DAY))),
                ("text", start(json!(NOW.to_string()))),
                ("null", start(Value::Null)),
                ("negative", start(json!(-1))),
                ("huge", start(json!(u64::MAX))),
                ("a fraction", claim_written(&app, name, &format!("{NOW}.5"))),
            ],
        )
        .await;
        assert_accepted(
            &app,
            &[
                ("ahead by the leeway", start(json!(NOW + LEEWAY))),
                ("long ago", start(json!(NOW - 365 * DAY))),
                ("missing", without_claim(&app, name)),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn an_accepted_token_ends_at_its_expiry_though_it_was_seen_before() {
    let app = TestApp::spawn().await;
    let token = claim(&app, "exp", &json!(NOW + 60));
    let good = [("good for a minute", token)];
    assert_accepted(&app, &good).await;
    app.hand
        .advance(std::time::Duration::from_secs(60 + LEEWAY - 1));
    assert_accepted(&app, &good).await;
    app.hand.advance(std::time::Duration::from_secs(1));
    assert_refused(&app, &good).await;
}

#[tokio::test]
async fn an_issuer_is_equal_to_the_letter() {
    let app = TestApp::spawn().await;
    let issuer = app.provider.issuer().to_owned();
    let iss = |value: Value| claim(&app, "iss", &value);
    assert_refused(
        &app,
        &[
            ("missing", without_claim(&app, "iss")),
            ("null", iss(Value::Null)),
            ("another", iss(json!("https://id.elsewhere.example"))),
            ("with a slash more", iss(json!(format!("{issuer}/")))),
            ("in capitals", iss(json!(issuer.to_uppercase()))),
            ("with a space", iss(json!(format!("{issuer} ")))),
            ("its beginning", iss(json!("http://127.0.0.1"))),
            ("its short name", iss(json!("school"))),
            ("a list", iss(json!([issuer]))),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_token_for_somebody_else_is_refused() {
    let app = TestApp::spawn().await;
    let aud = |value: Value| claim(&app, "aud", &value);
    assert_refused(
        &app,
        &[
            ("missing", without_claim(&app, "aud")),
            ("null", aud(Value::Null)),
            ("another", aud(json!("acme-admin"))),
            ("ours and more", aud(json!("acme-app-staging"))),
            ("in capitals", aud(json!("ACME-APP"))),
            ("two in one text", aud(json!("acme-app acme-admin"))),
            ("no list entry", aud(json!([]))),
            ("a list of others", aud(json!(["acme-admin", "account"]))),
            ("a list with a number", aud(json!(["acme-app", 1]))),
            ("an object", aud(json!({ "acme-app": true }))),
            (
                "only in azp",
                with_claims(&app, &json!({ "aud": "account", "azp": "acme-app" })),
            ),
        ],
    )
    .await;
    assert_accepted(
        &app,
        &[
            ("text", aud(json!("acme-app"))),
            ("a list of one", aud(json!(["acme-app"]))),
            ("among others", aud(json!(["account", "acme-app"]))),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_stand_in_for_a_missing_audience_counts_only_where_there_is_none() {
    let app = TestApp::spawn_with(|setup| {
        setup.config(
            r#"
            [[authn.issuers]]
            name = "school"
            issuer = "{issuer}"
            audiences = ["demo-app"]
            audience_claim = "/client_id"
            algorithms = ["RS256"]
            "#,
        );
    })
    .await;
    let token = |changes: &Value| {
        let mut claims = app.provider.claims(User::Ada);
        let members = claims.as_object_mut().unwrap();
        members.remove("aud");
        members.extend(changes.as_object().unwrap().clone());
        let kid = rsa_kid(&app);
        app.provider.sign(&kid, &json!({}), &claims).unwrap()
    };
    assert_accepted(&app, &[("client_id is ours", token(&json!({})))]).await;
    assert_refused(
        &app,
        &[
            (
                "client_id is another's",
                token(&json!({ "client_id": "other-app" })),
            ),
            ("client_id is a number", token(&json!({ "client_id": 1 }))),
            ("aud is another's", token(&json!({ "aud": "other-app" }))),
            ("aud is null", token(&json!({ "aud": null }))),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_subject_is_a_text_that_can_be_somebody() {
    let app = TestApp::spawn().await;
    let sub = |value: Value| claim(&app, "sub", &value);
    assert_refused(
        &app,
        &[
            ("missing", without_claim(&app, "sub")),
            ("null", sub(Value::Null)),
            ("empty", sub(json!(""))),
            ("a space", sub(json!(" "))),
            ("a space before it", sub(json!(" ada"))),
            ("a number", sub(json!(42))),
            ("a list", sub(json!(["ada"]))),
            ("an object", sub(json!({ "id": "ada" }))),
            ("a line break", sub(json!("ada\nroot"))),
            ("a NUL", sub(json!("ada\0"))),
            ("an escape", sub(json!("\u{1b}[31mada"))),
            ("a right-to-left override", sub(json!("ada\u{202e}toor"))),
            ("a zero-width space", sub(json!("ada\u{200b}"))),
            ("one character too long", sub(json!("a".repeat(256)))),
        ],
    )
    .await;
    assert_accepted(
        &app,
        &[
            ("as long as allowed", sub(json!("a".repeat(255)))),
            (
                "of another provider's kind",
                sub(json!("auth0|5f7c8ec7c33c6c004bbafe82")),
            ),
            ("beyond ASCII", sub(json!("åda"))),
        ],
    )
    .await;
}

#[tokio::test]
async fn tokens_made_for_another_purpose_are_refused() {
    let app = TestApp::spawn().await;
    let joined = app.join(&app.token(User::Ada), "course-101").await.json();
    let logout = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    assert_refused(
        &app,
        &[
            (
                "our own room token",
                joined["token"].as_str().unwrap().to_owned(),
            ),
            (
                "a room token by the issuer's word",
                with_claims(&app, &json!({ "td": "t", "rd": "r", "role": "moderator" })),
            ),
            ("a logout token", claim(&app, "events", &logout)),
            ("an empty event token", claim(&app, "events", &json!({}))),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_person_is_the_subject_and_not_the_mail_address() {
    let app = TestApp::spawn().await;
    let same_mail = json!({ "sub": "eve", "email": "ada@school.example", "email_verified": true });
    let same_subject = json!({ "email": "eve@school.example", "name": "Eve" });
    for (token, id) in [(same_mail, "eve"), (same_subject, "ada")] {
        let joined = app.join(&with_claims(&app, &token), "course-101").await;
        assert_eq!(joined.json()["participant"]["id"], id, "{joined:?}");
    }
}
