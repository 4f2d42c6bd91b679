//! Room keys as an attacker writes them, on a bare connection: no client tidies them up.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{spawn, token};
use crate::support::TestApp;

/// Sends a request line as it is; gives the status and the body.
async fn sent(app: &TestApp, token: &str, method: &str, target: &[u8]) -> (u16, String) {
    let address = app.public.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = [
        method.as_bytes(),
        b" ",
        target,
        b" HTTP/1.1\r\nHost: broker.example\r\nAuthorization: Bearer ",
        token.as_bytes(),
        b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ];
    stream.write_all(&head.concat()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// The code of a problem; empty for what is no HTTP, which the server answers by itself.
fn code(body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    let problem: Value = serde_json::from_str(body).unwrap();
    problem["code"].as_str().unwrap().to_owned()
}

const TRICKS: &[&str] = &[
    ".",
    "..",
    "%2e",
    "%2E%2e",
    ".%2e",
    "%2e%2e%2f",
    "..%2f..%2fteam",
    "a..b",
    "course%2f101",
    "course%2F101",
    "course%252f101",
    "course%25252f101",
    "course-101%2f..",
    "course%5c101",
    "course\\101",
    "course-101%00",
    "%00",
    "course-101%0d%0aX-Injected:%201",
    "course-101%0a",
    "course-101%09",
    "course-101%7f",
    "course-101%1b[31m",
    "course-101%20",
    "%20course-101",
    "course-101%ff",
    "course-101%c3%28",
    "%c0%ae%c0%ae",
    "%e2%80%ae",
    "%ef%bc%8fcourse",
    "course-101%3fprivacy=public",
    "course-101%23",
    "course-101;role=moderator",
    "course-101&role=moderator",
    "course-101%",
    "course-101%4",
    "course-101%zz",
    "course-101%u0031",
    "{room_key}",
    "*",
    "$(id)",
    "'or'1'='1",
    "course-101\"",
    "<script>",
];

#[tokio::test]
async fn a_room_key_that_could_be_read_as_something_else_is_refused() {
    let app = spawn().await;
    let anything = json!({ "groups": ["teacher:101"], "level": 9 });
    let teacher = token(&app, &anything);
    let long = "a".repeat(129);
    let far_too_long = "a".repeat(20_000);
    let encoded = "%61".repeat(129);
    let tricks = TRICKS
        .iter()
        .copied()
        .chain([long.as_str(), &far_too_long, &encoded]);
    for trick in tricks {
        for (method, target) in [
            ("POST", format!("/v1/rooms/{trick}/join")),
            ("GET", format!("/v1/rooms/{trick}")),
        ] {
            let (status, body) = sent(&app, &teacher, method, target.as_bytes()).await;
            let short: String = target.chars().take(60).collect();
            assert!(
                matches!(
                    (status, code(&body).as_str()),
                    (400, "invalid-room-key" | "") | (404, "not-found")
                ),
                "{short}: {status} {body}"
            );
            assert!(
                !body.contains("X-Injected") && !body.contains("script"),
                "{body}"
            );
        }
    }
    assert_eq!(app.upstream.controls().count("*").calls, 0);
}

#[tokio::test]
async fn a_path_beside_the_routes_leads_nowhere() {
    let app = spawn().await;
    let teacher = token(&app, &json!({ "groups": ["teacher:101"] }));
    for target in [
        "/v1/rooms//join",
        "/v1/rooms/join",
        "/v1/rooms/",
        "/v1/rooms",
        "//v1/rooms/course-101/join",
        "/v1//rooms/course-101/join",
        "/v1/rooms/course-101//join",
        "/v1/rooms/course-101/join/",
        "/v1/rooms/course-101/JOIN",
        "/V1/rooms/course-101/join",
        "/v1/rooms/course/101/join",
        "/v1/rooms/x/../course-101/join",
        "/v1/rooms/../rooms/course-101/join",
        "/v1/rooms/course-101/join/..",
        "/v1/rooms/course-101/join.json",
        "/v1/rooms/course-101/join;x",
        "/v1/rooms/course-101%2fjoin",
        "/v1%2frooms/course-101/join",
        "/./v1/rooms/course-101/join",
        "/api/v1/rooms/course-101",
        "/metrics",
        "/healthz/..",
    ] {
        let (status, body) = sent(&app, &teacher, "POST", target.as_bytes()).await;
        assert!([404, 405].contains(&status), "{target}: {status} {body}");
    }
    assert_eq!(app.upstream.controls().count("*").calls, 0);
}

#[tokio::test]
async fn bytes_that_no_path_has_end_the_request() {
    let app = spawn().await;
    let teacher = token(&app, &json!({ "groups": ["teacher:101"] }));
    let targets: [&[u8]; 6] = [
        b"/v1/rooms/course-101\0/join",
        b"/v1/rooms/course-101\r/join",
        b"/v1/rooms/course-101\n/join",
        b"/v1/rooms/course 101/join",
        b"/v1/rooms/course-101\x1b/join",
        b"/v1/rooms/course-101\xff/join",
    ];
    for target in targets {
        let (status, _) = sent(&app, &teacher, "POST", target).await;
        let text = String::from_utf8_lossy(target);
        assert!([400, 404].contains(&status), "{text:?}: {status}");
    }
    assert_eq!(app.upstream.controls().count("*").calls, 0);
}

#[tokio::test]
async fn a_key_is_decoded_once_and_names_one_room_however_it_is_spelt() {
    let app = spawn().await;
    let teacher = token(&app, &json!({ "groups": ["teacher:101"] }));
    let mut rooms = Vec::new();
    for target in [
        "/v1/rooms/course-101/join",
        "/v1/rooms/course%2d101/join",
        "/v1/rooms/course%2D101/join",
        "/v1/rooms/%63ourse-%31%301/join",
        "/v1/rooms/course-101/join?role=moderator&room=elsewhere",
    ] {
        let (status, body) = sent(&app, &teacher, "POST", target.as_bytes()).await;
        assert_eq!(status, 200, "{target}: {body}");
        let joined: Value = serde_json::from_str(&body).unwrap();
        rooms.push(joined["room"]["id"].clone());
    }
    rooms.dedup();
    assert_eq!((rooms.len(), app.upstream.creations()), (1, 1));
}

#[tokio::test]
async fn a_plus_in_a_key_is_a_plus_encoded_or_not() {
    let app = spawn().await;
    let teacher = token(&app, &json!({ "groups": ["teacher:c+1"] }));
    let mut keys = Vec::new();
    for spelt in ["course-c+1", "course-c%2B1", "course-c%2b1"] {
        let target = format!("/v1/rooms/{spelt}/join");
        let (status, body) = sent(&app, &teacher, "POST", target.as_bytes()).await;
        assert_eq!(status, 200, "{target}: {body}");
        let joined: Value = serde_json::from_str(&body).unwrap();
        keys.push(joined["room"]["key"].clone());
    }
    assert_eq!(keys, ["course-c+1"; 3]);
    let (status, _) = sent(&app, &teacher, "POST", b"/v1/rooms/course-c%252B1/join").await;
    assert_eq!((status, app.upstream.creations()), (400, 1));
}
