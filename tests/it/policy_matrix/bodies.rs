//! What a body asks for can narrow what policy gives, and raise nothing.

use serde_json::{Value, json};

use super::{spawn, token};
use crate::support::{Answer, TestApp, claims_of};

fn problem(answer: &Answer) -> Value {
    let mut problem = answer.json();
    problem.as_object_mut().unwrap().remove("request_id");
    problem
}

/// Sends a body as it is written.
async fn join_raw(app: &TestApp, token: &str, body: &str) -> Answer {
    let request = app.http.post(app.join_url("course-101")).bearer_auth(token);
    let request = request.header("content-type", "application/json");
    app.answer(request.body(body.to_owned())).await
}

#[tokio::test]
async fn a_member_that_is_not_known_is_refused_by_its_name() {
    let app = spawn().await;
    let teacher = token(&app, &json!({ "groups": ["teacher:101"] }));
    for member in [
        "td",
        "rd",
        "ud",
        "u",
        "exp",
        "nbf",
        "iat",
        "ttl",
        "token_ttl",
        "expires_in",
        "expires_at",
        "lifetime",
        "user",
        "user_id",
        "sub",
        "subject",
        "iss",
        "principal",
        "groups",
        "claims",
        "team",
        "team_id",
        "room",
        "room_id",
        "room_key",
        "friendly_url",
        "roles",
        "role_id",
        "Role",
        "ROLE",
        "role ",
        "isAdmin",
        "may_create",
        "rule",
        "settings",
        "privacy",
        "avatar",
        "name",
        "displayName",
        "breakoutId",
        "__proto__",
        "constructor",
        "token",
        "key",
    ] {
        for value in [
            json!("moderator"),
            json!({ "role": "moderator" }),
            json!(1),
            Value::Null,
        ] {
            let body = json!({ "role": "attendee", member: value });
            let answer = app.join_with(&teacher, "course-101", &body).await;
            assert_eq!(
                problem(&answer),
                json!({
                    "type": "/docs#problem-unknown-member", "status": 400, "code": "unknown-member",
                    "title": "The body has a member that is not known here", "member": member,
                }),
                "{body}"
            );
        }
    }
    assert_eq!(app.upstream.controls().count("*").calls, 0);
}

#[tokio::test]
async fn a_member_of_another_type_or_out_of_bounds_is_refused_by_its_name() {
    let app = spawn().await;
    let teacher = token(&app, &json!({ "groups": ["teacher:101"] }));
    for (member, value) in [
        ("role", json!(["moderator"])),
        ("role", json!({ "name": "moderator" })),
        ("role", json!(1)),
        ("role", json!(true)),
        ("role", json!("")),
        ("role", json!("moderator ")),
        ("role", json!("moderator\0")),
        ("role", json!("mod\u{202e}erator")),
        ("role", json!("r".repeat(31))),
        ("display_name", json!(1)),
        ("display_name", json!("")),
        ("display_name", json!("\u{202e}\u{200b}")),
        ("display_name", json!("n".repeat(129))),
        ("display_name", json!("n".repeat(9000))),
        ("initials", json!("abcde")),
        ("initials", json!(["a"])),
        ("avatar_url", json!("http://pictures.example/a.png")),
        ("avatar_url", json!("javascript:alert(1)")),
        (
            "avatar_url",
            json!("https://user:password@pictures.example/a.png"),
        ),
        ("avatar_url", json!("//pictures.example/a.png")),
        ("avatar_url", json!("data:image/png;base64,AAAA")),
        (
            "avatar_url",
            json!(format!("https://pictures.example/{}", "a".repeat(1024))),
        ),
        ("breakout_id", json!("1")),
        (
            "breakout_id",
            json!("../5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21"),
        ),
    ] {
        let answer = app
            .join_with(&teacher, "course-101", &json!({ member: value }))
            .await;
        assert_eq!(answer.code(), "invalid-field", "{member} {value}");
        assert_eq!(answer.json()["member"], member, "{value}");
    }
    assert_eq!(app.upstream.controls().count("*").calls, 0);
}

#[tokio::test]
async fn a_body_that_could_be_read_in_two_ways_is_refused() {
    let app = spawn().await;
    let teacher = token(&app, &json!({ "groups": ["teacher:101"] }));
    for (body, code) in [
        (r#"{"role":"attendee","role":"moderator"}"#, "invalid-field"),
        (
            r#"{"role":"attendee","\u0072ole":"moderator"}"#,
            "invalid-field",
        ),
        (
            r#"{"role":"attendee"}{"role":"moderator"}"#,
            "malformed-json",
        ),
        (r#"{"role":"attendee"} x"#, "malformed-json"),
        (r#"{"role":"attendee",}"#, "malformed-json"),
        ("{'role':'attendee'}", "malformed-json"),
        (r#"{"role":"attendee"/**/}"#, "malformed-json"),
        (r#"{"role":"\ud800"}"#, "malformed-json"),
        ("\u{feff}{}", "malformed-json"),
        ("{", "malformed-json"),
        (" ", "malformed-json"),
        ("[]", "invalid-field"),
        (r#"["n","i",null,null,"moderator"]"#, "invalid-field"),
        ("null", "invalid-field"),
        ("1", "invalid-field"),
        (r#""moderator""#, "invalid-field"),
    ] {
        let answer = join_raw(&app, &teacher, body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, code),
            "{body}"
        );
    }
    let deep = format!("{}{}", "[".repeat(8000), "]".repeat(8000));
    assert_eq!(join_raw(&app, &teacher, &deep).await.status, 400);
    let deep = format!(
        r#"{{"x":{}1{}}}"#,
        r#"{"x":"#.repeat(1500),
        "}".repeat(1500)
    );
    assert_eq!(join_raw(&app, &teacher, &deep).await.status, 400);
    let latin = b"{\"display_name\":\"\xe5\"}".to_vec();
    let request = app
        .http
        .post(app.join_url("course-101"))
        .bearer_auth(&teacher);
    let request = request
        .header("content-type", "application/json")
        .body(latin);
    assert_eq!(app.answer(request).await.status, 400);
    assert_eq!(app.upstream.controls().count("*").calls, 0);
}

#[tokio::test]
async fn nothing_and_nulls_ask_for_nothing() {
    let app = spawn().await;
    let teacher = token(&app, &json!({ "groups": ["teacher:101"] }));
    let nulls = json!({
        "role": null, "display_name": null, "initials": null, "avatar_url": null, "breakout_id": null,
    });
    for body in [json!({}), nulls] {
        let joined = app.join_with(&teacher, "course-101", &body).await.json();
        assert_eq!(
            joined["participant"],
            json!({ "id": "eve", "role": "moderator" }),
            "{body}"
        );
        let minted = claims_of(joined["token"].as_str().unwrap());
        let mut names: Vec<_> = minted.as_object().unwrap().keys().cloned().collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["exp", "iat", "nbf", "rd", "role", "td", "ud"],
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_members_name_is_repeated_without_what_could_forge_text() {
    let app = spawn().await;
    let teacher = token(&app, &json!({ "groups": ["teacher:101"] }));
    let name = format!("a\u{1b}[31m\r\n\u{202e}{}", "b".repeat(500));
    let answer = app
        .join_with(&teacher, "course-101", &json!({ name: 1 }))
        .await;
    let member = answer.json()["member"].as_str().unwrap().to_owned();
    assert_eq!(member, format!("a[31m{}", "b".repeat(59)));
}
