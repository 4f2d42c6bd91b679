//! Large bodies pass in pieces: whichever side is slow, the other waits.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use reqwest::Method;

use super::raw_upstream::{Conduct, RawUpstream};

const ID: &str = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";
const MIB: usize = 1 << 20;
/// What the sockets of two connections may hold by themselves (the kernel lets them grow to some
/// ten megabytes each), and the few pieces between them; far less than the body.
const IN_BETWEEN_MAX: usize = 48 * MIB;

#[tokio::test]
async fn a_download_is_never_ahead_of_who_takes_it() {
    let total = 192 * MIB;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {total}\r\nconnection: close\r\n\r\n"
    );
    let upstream = RawUpstream::start(Conduct::Zeros(head, total)).await;
    let (app, key) = upstream.app("").await;
    let path = format!("/rooms/{ID}/transcripts/export");
    let mut answer = app
        .api_request(&key, Method::GET, &path)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-length"], total.to_string());
    let mut taken = 0;
    while let Some(piece) = answer.chunk().await.unwrap() {
        taken += piece.len();
        let ahead = upstream
            .written
            .load(Ordering::Acquire)
            .saturating_sub(taken);
        assert!(ahead < IN_BETWEEN_MAX, "{ahead} bytes are in between");
    }
    assert_eq!(taken, total);
}

#[tokio::test]
async fn a_download_beyond_its_bound_ends_visibly() {
    let total = 3 * MIB;
    for (length, framing) in [
        (format!("content-length: {total}\r\n"), "known"),
        (String::new(), "unknown"),
    ] {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n{length}connection: close\r\n\r\n"
        );
        let upstream = RawUpstream::start(Conduct::Zeros(head, total)).await;
        let (app, key) = upstream
            .app("[gateway]\ndownload_bytes_max = 1048576")
            .await;
        let path = format!("/rooms/{ID}/transcripts/export");
        let answer = app
            .api_request(&key, Method::GET, &path)
            .send()
            .await
            .unwrap();
        assert!(answer.bytes().await.is_err(), "{framing}");
    }
}

#[tokio::test]
async fn a_long_json_answer_streams_unless_it_must_be_rewritten() {
    let total = MIB;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {total}\r\nconnection: close\r\n\r\n"
    );
    let upstream = RawUpstream::start(Conduct::Zeros(head, total)).await;
    let (app, key) = upstream.app("[gateway]\njson_bytes_max = 65536").await;
    let answer = app.api(&key, Method::GET, "/statistics").await;
    assert_eq!((answer.status, answer.text.len()), (200, total));
    assert_eq!(
        app.api(&key, Method::GET, "/webhooks").await.code(),
        "upstream-malformed"
    );
}

#[tokio::test]
async fn an_import_of_two_megabytes_passes_in_pieces() {
    let upstream = RawUpstream::saying("{}").await;
    let (app, key) = upstream.app("").await;
    let start = Bytes::from_static(
        b"--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n",
    );
    let row = Bytes::from(vec![b'a'; 64 * 1024]);
    let rows = stream::iter(std::iter::repeat_n(row, 32));
    let form = stream::iter([start])
        .chain(rows)
        .chain(stream::iter([Bytes::from_static(b"\r\n--b--\r\n")]));
    let body = reqwest::Body::wrap_stream(form.map(Ok::<_, std::io::Error>));
    let path = format!("/rooms/{ID}/quizzes/import");
    let request = app.api_request(&key, Method::POST, &path).body(body);
    let request = request.header("content-type", "multipart/form-data; boundary=b");
    let answer = app.answer(request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = upstream.seen();
    assert!(seen[0].body.len() > 2 * MIB && seen[0].head.contains("transfer-encoding: chunked"));
}
