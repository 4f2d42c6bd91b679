//! Bodies: too long, too slow, of the wrong kind, with the wrong members.

use reqwest::RequestBuilder;
use room_broker::simulator::identity_provider::User;
use serde_json::json;

use crate::support::scene::OPEN_POLICY;
use crate::support::socket::{Socket, exchange, status_of};
use crate::support::{Answer, TestApp};

fn join(app: &TestApp) -> RequestBuilder {
    app.http
        .post(app.join_url("course-101"))
        .bearer_auth(app.token(User::Ada))
}

async fn send(app: &TestApp, kind: &str, body: &str) -> Answer {
    let request = join(app).header("content-type", kind).body(body.to_owned());
    app.answer(request).await
}

async fn send_json(app: &TestApp, body: &str) -> Answer {
    send(app, "application/json", body).await
}

fn head(app: &TestApp, fields: &str) -> String {
    let token = app.token(User::Ada);
    format!(
        "POST /v1/rooms/course-101/join HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n{fields}\r\n"
    )
}

#[tokio::test]
async fn no_body_an_empty_one_and_an_empty_object_ask_for_nothing() {
    let app = TestApp::spawn().await;
    assert_eq!(app.answer(join(&app)).await.status, 200);
    assert_eq!(send_json(&app, "").await.status, 200);
    assert_eq!(send_json(&app, "{}").await.status, 200);
    assert_eq!(
        send(&app, "Application/JSON; charset=utf-8", "{}")
            .await
            .status,
        200
    );
    let empty = head(&app, "transfer-encoding: chunked\r\nconnection: close\r\n");
    let answer = exchange(&app.public, format!("{empty}0\r\n\r\n")).await;
    assert_eq!(status_of(&answer), 200, "{answer}");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_whether_announced_or_not() {
    let app = TestApp::spawn_with(|setup| {
        setup.config("[public]\nbody_bytes_max = 300");
    })
    .await;
    let padded = |length: usize| format!("{{{}}}", " ".repeat(length - 2));
    assert_eq!(send_json(&app, &padded(300)).await.status, 200);
    let refused = send_json(&app, &padded(301)).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (413, "payload-too-large")
    );
    assert_eq!(refused.header("connection"), "close");

    // Refused by what it announces: nothing of it is waited for.
    let announced = head(&app, "content-length: 1000000000\r\n");
    assert_eq!(status_of(&exchange(&app.public, announced).await), 413);
    let chunk = format!("64\r\n{}\r\n", " ".repeat(100));
    let chunked = head(&app, "transfer-encoding: chunked\r\n") + &chunk.repeat(4);
    assert_eq!(status_of(&exchange(&app.public, chunked).await), 413);
}

#[tokio::test]
async fn a_body_that_drips_is_cut_off_and_the_connection_with_it() {
    let app = TestApp::spawn_with(|setup| {
        setup.config("[http]\nbody_timeout = \"200ms\"");
    })
    .await;
    let mut socket = Socket::open(&app.public).await;
    socket.send(head(&app, "content-length: 20\r\n")).await;
    socket.send("{").await;
    let answer = socket.read_to_end().await;
    assert_eq!(status_of(&answer), 408, "{answer}");
    assert!(answer.contains(r#""code":"body-timeout""#), "{answer}");

    let mut socket = Socket::open(&app.public).await;
    let chunked = head(&app, "transfer-encoding: chunked\r\n");
    socket.send(format!("{chunked}1\r\n{{\r\n")).await;
    let answer = socket.read_to_end().await;
    assert_eq!(status_of(&answer), 408, "{answer}");
}

#[tokio::test]
async fn a_body_that_is_not_called_json_is_refused() {
    let app = TestApp::spawn().await;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/merge-patch+json",
        "application/jsonp",
        "json",
        "text/plain; x=application/json",
    ] {
        let refused = send(&app, kind, r#"{"role":"attendee"}"#).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (415, "unsupported-media-type"),
            "{kind}"
        );
    }
    let unnamed = app.answer(join(&app).body("{}")).await;
    assert_eq!(unnamed.code(), "unsupported-media-type");
}

#[tokio::test]
async fn what_is_not_json_is_told_with_its_place() {
    let app = TestApp::spawn().await;
    for (body, place) in [
        ("{", "line 1, column 1"),
        ("{\n  role: 1}", "line 2, column 3"),
        ("\u{feff}{}", "line 1, column 1"),
        ("{} {}", "line 1, column 4"),
        ("{\"role\":\"\u{1}\"}", "line 1, column 10"),
    ] {
        let refused = send_json(&app, body).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "malformed-json"),
            "{body:?}"
        );
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(place), "{body:?} {detail}");
    }
    let deep = send_json(&app, &"[".repeat(10_000)).await;
    assert_eq!(deep.status, 400, "{deep:?}");
    let not_utf8 = join(&app)
        .header("content-type", "application/json")
        .body(b"{\"role\":\"\xff\"}".to_vec());
    assert_eq!(app.answer(not_utf8).await.status, 400);
}

#[tokio::test]
async fn the_member_at_fault_is_named() {
    let app = TestApp::spawn_with(|setup| {
        setup
            .config(OPEN_POLICY)
            .config("[policy]\nname_from = \"request\"\navatar_from = \"request\"");
    })
    .await;
    for (body, code, member) in [
        (json!({ "rolle": "x" }), "unknown-member", "rolle"),
        (json!({ "Role": "attendee" }), "unknown-member", "Role"),
        (
            json!({ "role": { "name": "attendee" } }),
            "invalid-field",
            "role",
        ),
        (json!({ "role": 3 }), "invalid-field", "role"),
        (json!({ "role": ["attendee"] }), "invalid-field", "role"),
        (json!({ "role": "the boss" }), "invalid-field", "role"),
        (json!({ "role": "" }), "invalid-field", "role"),
        (
            json!({ "display_name": "x".repeat(129) }),
            "invalid-field",
            "display_name",
        ),
        (json!({ "initials": "ABCDE" }), "invalid-field", "initials"),
        (
            json!({ "avatar_url": "http://pictures.example/a.png" }),
            "invalid-field",
            "avatar_url",
        ),
        (
            json!({ "avatar_url": "javascript:alert(1)" }),
            "invalid-field",
            "avatar_url",
        ),
        (
            json!({ "breakout_id": "x" }),
            "invalid-field",
            "breakout_id",
        ),
    ] {
        let refused = send_json(&app, &body.to_string()).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, code),
            "{body} {refused:?}"
        );
        assert_eq!(refused.json()["member"], member, "{body}");
    }
    let twice = send_json(&app, r#"{"role":"attendee","role":"moderator"}"#).await;
    assert_eq!(
        (twice.code().as_str(), &twice.json()["member"]),
        ("invalid-field", &json!("role"))
    );
    let in_order = r#"["Ada", null, null, null, "attendee"]"#;
    for body in ["[]", " [ ]", in_order, "3", "\"x\"", "true", "null"] {
        let refused = send_json(&app, body).await;
        assert_eq!(refused.code(), "invalid-field", "{body}");
        assert!(refused.json().get("member").is_none(), "{body}");
    }
    // A name that cannot be written back as it came, and one without end.
    let odd = send_json(&app, "{\"a\\u0000b\\u202e\\n\": 1}").await;
    assert_eq!(odd.json()["member"], "ab");
    let long = send_json(&app, &format!("{{\"{}\": 1}}", "m".repeat(5000))).await;
    assert_eq!(long.json()["member"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn a_null_member_asks_for_nothing() {
    let app = TestApp::spawn().await;
    let joined = send_json(&app, r#"{"role":null,"display_name":null}"#).await;
    assert_eq!(joined.status, 200, "{joined:?}");
}
