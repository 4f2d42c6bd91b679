//! Name, initials and picture come from where the rule says, and fit into a link.

use serde_json::{Value, json};

use super::{spawn, spawn_with, token};
use crate::support::{TestApp, claims_of};

const PICTURE: &str = "https://pictures.school.example/eve.png";

fn eve() -> Value {
    json!({ "groups": ["teacher:101"], "name": "Eve Frost", "picture": PICTURE, "email": "eve@school.example" })
}

fn wish() -> Value {
    json!({ "display_name": "Evie", "initials": "EF", "avatar_url": "https://elsewhere.example/e.png" })
}

async fn spawn_from(name: &str, initials: &str, avatar: &str) -> TestApp {
    spawn_with(|setup| {
        setup.config(&format!(
            r#"
            [policy]
            name_from = "{name}"
            initials_from = "{initials}"
            avatar_from = "{avatar}"
            "#
        ));
    })
    .await
}

/// `u`, `initials` and `avatar` of the minted token.
async fn minted(app: &TestApp, body: &Value) -> Value {
    let joined = app.join_with(&token(app, &eve()), "course-101", body).await;
    assert_eq!(joined.status, 200, "{joined:?}");
    let minted = claims_of(joined.json()["token"].as_str().unwrap());
    assert!(!minted.to_string().contains("eve@school"), "{minted}");
    json!([
        minted.get("u"),
        minted.get("initials"),
        minted.get("avatar")
    ])
}

#[tokio::test]
async fn from_the_claims_means_not_from_the_request() {
    let app = spawn_from("claim", "claim", "claim").await;
    assert_eq!(
        minted(&app, &json!({})).await,
        json!(["Eve Frost", null, PICTURE])
    );
    for member in ["display_name", "initials", "avatar_url"] {
        let body = json!({ member: wish()[member] });
        let answer = app
            .join_with(&token(&app, &eve()), "course-101", &body)
            .await;
        let mut problem = answer.json();
        problem.as_object_mut().unwrap().remove("request_id");
        assert_eq!(
            problem,
            json!({
                "type": "/docs#problem-field-not-allowed", "status": 403, "code": "field-not-allowed",
                "title": "The member may not be chosen by the caller", "member": member,
                "detail": "Leave the member out: it is taken from the verified claims.",
            })
        );
    }
}

#[tokio::test]
async fn from_the_request_means_else_from_the_claims() {
    let app = spawn_from("request", "request", "request").await;
    assert_eq!(
        minted(&app, &wish()).await,
        json!(["Evie", "EF", "https://elsewhere.example/e.png"])
    );
    assert_eq!(
        minted(&app, &json!({})).await,
        json!(["Eve Frost", null, PICTURE])
    );
}

#[tokio::test]
async fn omitted_means_neither() {
    let app = spawn_from("omit", "omit", "omit").await;
    assert_eq!(minted(&app, &json!({})).await, json!([null, null, null]));
    for member in ["display_name", "initials", "avatar_url"] {
        let body = json!({ member: wish()[member] });
        let answer = app
            .join_with(&token(&app, &eve()), "course-101", &body)
            .await;
        assert_eq!(
            (answer.code().as_str(), &answer.json()["member"]),
            ("field-not-allowed", &json!(member))
        );
    }
}

#[tokio::test]
async fn names_lose_what_could_forge_or_reorder_text() {
    let app = spawn_from("request", "request", "request").await;
    let body = json!({ "display_name": " Ada\u{202e}\u{200b} \u{7}Winter\r\n", "initials": "\u{1b}A\u{2066}W" });
    assert_eq!(
        minted(&app, &body).await,
        json!(["Ada Winter", "AW", PICTURE])
    );
    let claims = json!({ "groups": ["teacher:101"], "name": "Ada\u{202e}\nWinter" });
    let joined = app.join(&token(&app, &claims), "course-101").await.json();
    assert_eq!(joined["participant"]["name"], "AdaWinter");
}

#[tokio::test]
async fn a_claim_that_cannot_be_shown_is_left_out() {
    let app = spawn().await;
    for (name, value) in [
        ("name", json!(["Eve"])),
        ("name", json!("\u{202e}")),
        ("name", json!("n".repeat(129))),
        ("picture", json!("http://pictures.school.example/eve.png")),
        ("picture", json!("javascript:alert(1)")),
        ("picture", json!({ "url": PICTURE })),
    ] {
        let claims = json!({ "groups": ["teacher:101"], name: value });
        let joined = app.join(&token(&app, &claims), "course-101").await.json();
        let minted = claims_of(joined["token"].as_str().unwrap());
        assert_eq!(
            (minted.get("u"), minted.get("avatar")),
            (None, None),
            "{claims}"
        );
    }
}

#[tokio::test]
async fn a_link_that_would_be_too_long_names_the_claim_to_shorten() {
    let app = spawn_with(|setup| {
        setup.config(&format!(
            r#"
            [[authn.issuers]]
            name = "school"
            issuer = "{{issuer}}"
            audiences = ["acme-app"]
            algorithms = ["ES256"]
            user_id_prefix = "{}:"
            "#,
            "p".repeat(700)
        ));
    })
    .await;
    let long_picture = format!("https://pictures.example/{}", "\u{1f600}".repeat(300));
    let long_subject = "\u{1f600}".repeat(255);
    let long_name = "\u{1f600}".repeat(128);
    let fair_picture = format!("https://pictures.example/{}", "a".repeat(900));
    for (claims, claim) in [
        (json!({ "picture": long_picture }), "avatar"),
        (
            json!({ "sub": long_subject, "name": long_name, "picture": fair_picture }),
            "ud",
        ),
    ] {
        let mut all = claims.clone();
        all["groups"] = json!(["teacher:101"]);
        let answer = app.join(&token(&app, &all), "course-101").await;
        let mut problem = answer.json();
        problem.as_object_mut().unwrap().remove("request_id");
        assert_eq!(
            problem,
            json!({
                "type": "/docs#problem-link-too-long", "status": 422, "code": "link-too-long",
                "title": "The join link would be too long", "claim": claim,
                "detail": "Shorten the claim named; the whole link has a limit of 4096 bytes.",
            }),
            "{claims}"
        );
    }
    let fair = json!({ "groups": ["teacher:101"], "picture": fair_picture });
    let joined = app.join(&token(&app, &fair), "course-101").await.json();
    assert!(joined["join_url"].as_str().unwrap().len() <= 4096);
}

#[tokio::test]
async fn an_encrypted_rooms_token_does_not_tell_the_name() {
    let app = spawn_with(|setup| {
        setup.config(
            r#"
            [[rooms.templates]]
            room = "course-{course}"
            settings = { e2ee_enabled = true }
            "#,
        );
    })
    .await;
    let joined = app.join(&token(&app, &eve()), "course-101").await.json();
    assert_eq!(joined["participant"]["name"], "Eve Frost");
    let minted = claims_of(joined["token"].as_str().unwrap());
    assert_eq!(minted.get("u"), None);
    assert!(!minted.to_string().contains("Frost"), "{minted}");
}
