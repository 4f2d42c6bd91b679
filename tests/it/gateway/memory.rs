//! Large bodies pass in pieces: whichever side is slow, the other waits.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use reqwest::Method;

use super::raw_upstream::{Conduct, RawUpstream};

const ID: &str = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";
const MIB: usize = 1 << 20;
/// A piece of what is sent.
const PIECE: usize = 64 << 10;
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

/// A form with one file of so many bytes, in pieces that are counted as they are taken.
fn counted_form(file_bytes: usize, taken: &Arc<AtomicUsize>) -> reqwest::Body {
    let start = Bytes::from_static(
        b"--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n",
    );
    let piece = Bytes::from(vec![b'a'; PIECE]);
    let pieces = stream::iter(std::iter::repeat_n(piece, file_bytes / PIECE));
    let taken = Arc::clone(taken);
    let form = stream::iter([start])
        .chain(pieces)
        .chain(stream::iter([Bytes::from_static(b"\r\n--b--\r\n")]))
        .inspect(move |piece| {
            taken.fetch_add(piece.len(), Ordering::AcqRel);
        });
    reqwest::Body::wrap_stream(form.map(Ok::<_, std::io::Error>))
}

#[tokio::test]
async fn an_upload_is_not_taken_faster_than_upstream_takes_it() {
    let upstream = RawUpstream::start(Conduct::ReadNothing).await;
    let limits = format!("upload_bytes_max = {}", 64 * MIB);
    let (app, key) = upstream
        .app(&format!("[gateway]\nanswer_timeout = \"3s\"\n{limits}"))
        .await;
    let taken = Arc::default();
    let path = format!("/rooms/{ID}/quizzes/import");
    let request = app.api_request(&key, Method::POST, &path);
    let request = request.header("content-type", "multipart/form-data; boundary=b");
    let answer = app
        .answer(request.body(counted_form(63 * MIB, &taken)))
        .await;
    assert_eq!(answer.code(), "upstream-timeout");
    let taken = taken.load(Ordering::Acquire);
    assert!(taken < IN_BETWEEN_MAX, "{taken} bytes were taken");
}

#[tokio::test]
async fn an_import_of_two_megabytes_passes_in_pieces() {
    let upstream = RawUpstream::saying("{}").await;
    let (app, key) = upstream.app("").await;
    let body = counted_form(2 * MIB, &Arc::default());
    let path = format!("/rooms/{ID}/quizzes/import");
    let request = app.api_request(&key, Method::POST, &path).body(body);
    let request = request.header("content-type", "multipart/form-data; boundary=b");
    let answer = app.answer(request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = upstream.seen();
    assert!(seen[0].body.len() > 2 * MIB && seen[0].head.contains("transfer-encoding: chunked"));
}

#[tokio::test]
async fn an_import_of_two_megabytes_arrives_whole() {
    let (app, key) = super::app_for_all("").await;
    app.put_room("course-101");
    let mut file = "question,type,option1,option2,option3,option4\n".to_owned();
    let option = "o".repeat(500);
    let mut polls = 0;
    while file.len() < 2 * MIB - 2100 {
        polls += 1;
        writeln!(
            file,
            "Question {polls},single,{option}1,{option}2,{option}3,{option}4"
        )
        .unwrap();
    }
    assert!(file.len() > 2_000_000);
    let form = format!(
        "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\ncontent-type: text/csv\r\n\r\n{file}\r\n--b--\r\n"
    );
    let path = "/rooms/course-101/polls";
    let request = app.api_request(&key, Method::POST, &format!("{path}/import"));
    let request = request.header("content-type", "multipart/form-data; boundary=b");
    let answer = app.answer(request.body(form)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let page = app
        .api(&key, Method::GET, &format!("{path}?limit=1"))
        .await
        .json();
    assert_eq!(page["total_count"], polls);
    let newest = page["data"][0]["id"].as_str().unwrap();
    let last = app
        .api(&key, Method::GET, &format!("{path}/{newest}"))
        .await
        .json();
    assert_eq!(last["question"], format!("Question {polls}"));
    assert_eq!(last["options"][3]["text"], format!("{option}4"));
}
