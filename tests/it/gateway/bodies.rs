//! What goes on to upstream, and what comes back.

use futures_util::future::join_all;
use reqwest::Method;
use room_broker::simulator::identity_provider::User;
use room_broker::simulator::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::support::DEVELOPER_KEY;
use crate::support::socket::{exchange, status_of};

use super::app_for_all;
use super::raw_upstream::{Conduct, RawUpstream, Seen};

const ID: &str = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";
/// `digital_samba.breaker_failures`, where nothing else is said.
const FAILURES_THAT_OPEN: usize = 5;

fn line(seen: &Seen) -> &str {
    seen.head.lines().next().unwrap()
}

fn json_of(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).unwrap_or_else(|error| panic!("{error} {seen:?}"))
}

#[tokio::test]
async fn queries_and_bodies_go_on_also_with_get_and_delete() {
    let upstream = RawUpstream::saying("{}").await;
    let (app, key) = upstream.app("").await;
    let body = json!({ "tags": ["a"], "delete_resources": true });
    app.api_with(&key, Method::DELETE, "/rooms", &body).await;
    let path = format!("/sessions/{ID}/participants?limit=5&live=true&nonsense=1");
    let dates = json!({ "date_start": "2026-01-01" });
    app.api_with(&key, Method::GET, &path, &dates).await;
    let path = format!("/rooms/{ID}/chat/export?format=json&locale=de");
    app.api_with(&key, Method::GET, &path, &json!({ "lang": "it" }))
        .await;
    app.api(&key, Method::GET, "/rooms?tag=a%20b&tag=c&limit=2")
        .await;
    app.api_with(&key, Method::GET, "/rooms", &json!({ "not": "taken" }))
        .await;
    let seen = upstream.seen();
    assert_eq!(line(&seen[0]), "DELETE /api/v1/rooms HTTP/1.1");
    assert_eq!(json_of(&seen[0]), body);
    assert_eq!(
        line(&seen[1]),
        format!("GET /api/v1/sessions/{ID}/participants?limit=5&live=true HTTP/1.1")
    );
    assert_eq!(json_of(&seen[1]), dates);
    assert_eq!(
        line(&seen[2]),
        format!("GET /api/v1/rooms/{ID}/chat/export?format=json HTTP/1.1")
    );
    assert_eq!(json_of(&seen[2]), json!({ "lang": "it", "locale": "de" }));
    assert_eq!(
        line(&seen[3]),
        "GET /api/v1/rooms?tag=a+b&tag=c&limit=2 HTTP/1.1"
    );
    assert_eq!(seen[4].body, b"");
}

#[tokio::test]
async fn a_segment_is_encoded_on_its_own() {
    let upstream = RawUpstream::answering("text/plain", "").await;
    let (app, key) = upstream.app("").await;
    let path = format!("/rooms/{ID}/phone-participants/%2B49%20170%C3%A4/mute");
    assert_eq!(app.api(&key, Method::POST, &path).await.status, 200);
    assert_eq!(
        line(&upstream.seen()[0]),
        format!("POST /api/v1/rooms/{ID}/phone-participants/+49%20170%C3%A4/mute HTTP/1.1")
    );
}

#[tokio::test]
async fn fields_of_one_hop_and_credentials_stay_behind_on_both_ways() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nset-cookie: a=b\r\nserver: x\r\nx-powered-by: y\r\nkeep-alive: timeout=5\r\nconnection: close, x-secret\r\nx-secret: z\r\naccess-control-allow-origin: *\r\ncontent-disposition: attachment; filename=a\r\ncontent-length: 2\r\n\r\n{}";
    let upstream = RawUpstream::start(Conduct::Answer(answer.as_bytes().to_vec())).await;
    let (app, key) = upstream.app("").await;
    let request = app
        .api_request(&key, Method::GET, "/permissions")
        .header("cookie", "c=d")
        .header("x-forwarded-for", "1.2.3.4")
        .header("te", "trailers")
        .header("x-custom", "1")
        .header("on-behalf-of", "user-42");
    let told = app.answer(request).await;
    let mut names: Vec<&str> = told
        .headers
        .keys()
        .map(reqwest::header::HeaderName::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "cache-control",
            "content-disposition",
            "content-length",
            "content-security-policy",
            "content-type",
            "date",
            "referrer-policy",
            "x-content-type-options",
            "x-request-id"
        ]
    );
    let seen = &upstream.seen()[0].head;
    let mut fields: Vec<String> = seen
        .lines()
        .skip(1)
        .map(|line| line.split(':').next().unwrap().to_ascii_lowercase())
        .collect();
    fields.sort_unstable();
    assert_eq!(fields, ["accept", "authorization", "host", "user-agent"]);
    assert!(seen.contains(&format!("Bearer {DEVELOPER_KEY}")) && !seen.contains(&key));
    assert!(!format!("{told:?}").contains(DEVELOPER_KEY));
}

#[tokio::test]
async fn a_body_that_cannot_be_taken_is_refused_without_a_call() {
    let (app, key) = app_for_all("[gateway]\nbody_bytes_max = 1024\nupload_bytes_max = 2048").await;
    let send = async |method: Method, path: &str, kind: &str, body: String| {
        let request = app
            .api_request(&key, method, path)
            .header("content-type", kind);
        app.answer(request.body(body)).await
    };
    let json = "application/json";
    let import = format!("/rooms/{ID}/polls/import");
    for (answer, status, code) in [
        (
            send(Method::POST, "/rooms", json, "{".to_owned()).await,
            400,
            "malformed-json",
        ),
        (
            send(Method::POST, "/roles", json, "{}x".to_owned()).await,
            400,
            "malformed-json",
        ),
        (
            send(Method::POST, "/rooms", json, "[]".to_owned()).await,
            400,
            "invalid-field",
        ),
        (
            send(Method::POST, "/rooms", "text/plain", "{}".to_owned()).await,
            415,
            "unsupported-media-type",
        ),
        (
            send(
                Method::POST,
                "/rooms",
                json,
                format!("\"{}\"", "a".repeat(1024)),
            )
            .await,
            413,
            "payload-too-large",
        ),
        (
            send(Method::POST, &import, json, "{}".to_owned()).await,
            415,
            "unsupported-media-type",
        ),
        (
            send(Method::POST, &import, "multipart/form-data", "x".to_owned()).await,
            415,
            "unsupported-media-type",
        ),
        (
            send(
                Method::POST,
                &import,
                "multipart/form-data; boundary=b",
                "a".repeat(2049),
            )
            .await,
            413,
            "payload-too-large",
        ),
    ] {
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    assert_eq!(app.upstream_calls(), 0);
}

#[tokio::test]
async fn a_form_goes_on_as_it_is_and_a_broken_one_never_looks_whole() {
    let upstream = RawUpstream::saying("{\"imported\":1}").await;
    let (app, key) = upstream.app("").await;
    let import = format!("/rooms/{ID}/polls/import");
    let send = async |body: &str| {
        let request = app.api_request(&key, Method::POST, &import);
        let request = request.header("content-type", "multipart/form-data; boundary=\"b\"");
        app.answer(request.body(body.to_owned())).await
    };
    let form = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nq,a\r\n--b--\r\n";
    let answer = send(form).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (200, "{\"imported\":1}")
    );
    let seen = upstream.seen();
    assert!(seen[0].head.contains("multipart/form-data; boundary=\"b\""));
    assert!(
        String::from_utf8_lossy(&seen[0].body).contains(form.split("\r\n\r\n").nth(1).unwrap())
    );
    for broken in [
        "",
        "b\r\n",
        "--c\r\n\r\nx\r\n--c--",
        "--b\r\n\r\nq,a\r\n",
        "--b\r\n\r\nq\r\n--b-",
    ] {
        assert_eq!(send(broken).await.code(), "bad-request", "{broken:?}");
    }
    let request = format!(
        "POST /api/v1{import} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: multipart/form-data; boundary=b\r\ntransfer-encoding: chunked\r\n\r\n3\r\n--b\r\nzz\r\n"
    );
    let answer = exchange(&app.internal, request).await;
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn uploads_that_drip_end_as_their_callers_fault_and_shut_nobody_out() {
    let (app, key) = app_for_all("[gateway]\nanswer_timeout = \"1s\"").await;
    let import = format!("/rooms/{ID}/polls/import");
    let request = format!(
        "POST /api/v1{import} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\ncontent-type: multipart/form-data; boundary=b\r\ntransfer-encoding: chunked\r\n\r\n3\r\n--b\r\n"
    );
    let dripping = (0..FAILURES_THAT_OPEN).map(|_| exchange(&app.internal, &request));
    for answer in join_all(dripping).await {
        assert_eq!(status_of(&answer), 408, "{answer}");
        assert!(answer.contains("body-timeout"), "{answer}");
    }
    let joined = app.join(&app.token(User::Ada), "course-101").await;
    assert_eq!(joined.status, 200, "{joined:?}");

    // One that is there to its end and is not answered is upstream's to answer.
    app.upstream
        .controls()
        .fail("import_polls", Fault::new(FaultKind::Hang));
    let whole = format!("{request}9\r\n\r\n\r\n--b--\r\n0\r\n\r\n");
    let unanswered = (0..FAILURES_THAT_OPEN).map(|_| exchange(&app.internal, &whole));
    for answer in join_all(unanswered).await {
        assert_eq!(status_of(&answer), 504, "{answer}");
    }
    let shut = app.api(&key, Method::GET, "/rooms").await;
    assert_eq!(shut.code(), "upstream-unavailable");
}

#[tokio::test]
async fn counts_of_pages_are_numbers_and_the_rest_is_as_it_came() {
    let upstream =
        RawUpstream::saying("{\"data\":[{\"b\":1.50,\"a\":2}],\"total_count\":\"1\"}").await;
    let (app, key) = upstream.app("").await;
    let answer = app.api(&key, Method::GET, "/sessions").await;
    assert_eq!(
        answer.text,
        "{\"data\":[{\"b\":1.50,\"a\":2}],\"total_count\":1}"
    );
}

#[tokio::test]
async fn a_file_comes_as_bytes_of_the_type_that_upstream_gives_it() {
    let upstream = RawUpstream::answering("application/zip", "PK\u{3}\u{4}").await;
    let (app, key) = upstream.app("").await;
    let path = format!("/rooms/{ID}/quizzes/export?format=zip");
    let answer = app.api(&key, Method::GET, &path).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/zip")
    );
    assert_eq!(answer.text, "PK\u{3}\u{4}");
}
