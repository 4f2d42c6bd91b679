//! Requests that no client sends: two lengths, a head without end, one that never ends, tokens
//! without end.

use room_broker::simulator::identity_provider::User;

use crate::support::TestApp;
use crate::support::socket::{Socket, exchange, status_of};

/// How many answers came.
fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

#[tokio::test]
async fn a_request_of_two_lengths_is_refused_and_what_hides_in_it_is_not_answered() {
    let app = TestApp::spawn().await;
    let hidden = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let body = format!("0\r\n\r\n{hidden}");
    let length = body.len();
    for fields in [
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
        format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"),
        format!("content-length: {length}\r\ncontent-length: 5\r\n"),
        format!("content-length: 5, {length}\r\n"),
        "content-length: +5\r\n".to_owned(),
        "content-length: -1\r\n".to_owned(),
        "content-length: 0x5\r\n".to_owned(),
        "content-length: 99999999999999999999\r\n".to_owned(),
        "transfer-encoding: xchunked\r\n".to_owned(),
        "transfer-encoding: chunked, identity\r\n".to_owned(),
        "transfer-encoding: identity, chunked, chunked\r\n".to_owned(),
        "transfer-encoding : chunked\r\n".to_owned(),
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n".to_owned(),
        " content-length: 5\r\n".to_owned(),
    ] {
        let request =
            format!("POST /v1/rooms/course-101/join HTTP/1.1\r\nhost: x\r\n{fields}\r\n{body}");
        let text = exchange(&app.public, request).await;
        assert_eq!(answers(&text), 1, "{fields:?} {text}");
        assert_eq!(status_of(&text), 400, "{fields:?} {text}");
    }
}

#[tokio::test]
async fn a_broken_request_line_or_chunk_is_refused() {
    let app = TestApp::spawn().await;
    for request in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET /v1/me HTTP/3.0\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nbad header: x\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nx: a\0b\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nno colon\r\n\r\n",
        "GET http:// HTTP/1.1\r\n\r\n",
    ] {
        let text = exchange(&app.public, request).await;
        assert_eq!(status_of(&text), 400, "{request:?} {text}");
    }
    let token = app.token(User::Ada);
    let broken_chunk = format!(
        "POST /v1/rooms/course-101/join HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n"
    );
    let text = exchange(&app.public, broken_chunk).await;
    assert_eq!((status_of(&text), answers(&text)), (400, 1), "{text}");
}

#[tokio::test]
async fn a_head_that_drips_is_cut_off() {
    let app = TestApp::spawn_with(|setup| {
        setup.config("[http]\nrequest_timeout = \"1s\"");
    })
    .await;
    let mut socket = Socket::open(&app.public).await;
    socket
        .send("GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow")
        .await;
    let text = socket.read_to_end().await;
    assert_eq!(status_of(&text), 408, "{text}");
}

#[tokio::test]
async fn header_fields_beyond_the_limit_are_refused() {
    let app = TestApp::spawn().await;
    let with = async |length: usize| {
        let request = app
            .http
            .get(format!("{}/healthz", app.public))
            .header("x-padding", "x".repeat(length));
        app.answer(request).await
    };
    assert_eq!(with(30_000).await.status, 200);
    let refused = with(33_000).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (431, "headers-too-large")
    );
    assert_eq!(refused.header("connection"), "close");

    // Beyond what the server reads at all, and more fields than it counts.
    let huge = format!(
        "GET /healthz HTTP/1.1\r\nx: {}\r\n\r\n",
        "x".repeat(300_000)
    );
    let fields: Vec<String> = (0..500).map(|n| format!("x-{n}: 1\r\n")).collect();
    let many = format!("GET /healthz HTTP/1.1\r\n{}\r\n", fields.concat());
    for request in [huge, many] {
        let text = exchange(&app.public, request).await;
        assert!((400..500).contains(&status_of(&text)), "{text}");
        assert_eq!(answers(&text), 1);
    }
}

#[tokio::test]
async fn a_token_of_more_than_8_kib_is_refused_before_anything_is_looked_up() {
    let app = TestApp::spawn().await;
    let lookups = r#"room_broker_verified_token_lookups_total{outcome="miss"}"#;
    for (length, looked_up) in [(8193, 0), (20_000, 0), (8192, 1)] {
        let token = "a".repeat(length);
        let refused = app.join(&token, "course-101").await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (401, "unauthorized"),
            "{length}"
        );
        assert_eq!(
            refused.header("www-authenticate"),
            r#"Bearer realm="room-broker", error="invalid_token""#
        );
        assert_eq!(app.metric(lookups).await, looked_up, "{length}");
    }
}

#[tokio::test]
async fn credentials_are_read_from_one_authorization_field_alone() {
    let app = TestApp::spawn().await;
    let token = app.token(User::Ada);
    let url = app.join_url("course-101");
    let doubled = app.http.post(&url).bearer_auth(&token).bearer_auth(&token);
    let doubled = app.answer(doubled).await;
    assert_eq!(
        (doubled.status, doubled.code().as_str()),
        (400, "ambiguous-credentials")
    );
    for query in ["access_token", "token", "authorization"] {
        let in_query = app
            .answer(app.http.post(format!("{url}?{query}={token}")))
            .await;
        assert_eq!(
            (in_query.status, in_query.header("www-authenticate")),
            (401, r#"Bearer realm="room-broker""#),
            "{query}"
        );
    }
    let in_cookie = app
        .http
        .post(&url)
        .header("cookie", format!("access_token={token}"));
    assert_eq!(app.answer(in_cookie).await.status, 401);
    let in_form = app
        .http
        .post(&url)
        .form(&[("access_token", token.as_str())]);
    assert_eq!(app.answer(in_form).await.status, 401);
}
