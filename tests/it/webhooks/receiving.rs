//! The credential in each form, and whatever else may stand in a request.

use reqwest::RequestBuilder;
use serde_json::json;

use super::{PREVIOUS, SECRET, receiving, today};
use crate::support::{Answer, TestApp};

const NOBODY: &str = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";

fn delivery() -> String {
    today("room_locked", NOBODY, &json!({})).to_string()
}

async fn send(app: &TestApp, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Answer {
    let request = app.http.post(app.endpoint()).body(delivery());
    app.answer(change(request)).await
}

#[tokio::test]
async fn either_secret_opens_the_endpoint_alone_or_as_a_bearer_token() {
    let (app, _) = receiving(&format!("previous_secret = \"{PREVIOUS}\"")).await;
    for value in [SECRET, PREVIOUS] {
        for value in [value.to_owned(), format!("Bearer {value}")] {
            let answer = send(&app, |request| request.header("authorization", value)).await;
            assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        }
    }
}

#[tokio::test]
async fn without_the_one_right_credential_nothing_is_received() {
    let (app, _) = receiving("").await;
    let wrong: [&[&str]; 6] = [
        &[],
        &[""],
        &["Bearer wrong"],
        &[PREVIOUS],
        &["Basic Og=="],
        &[SECRET, SECRET],
    ];
    for values in wrong {
        let answer = send(&app, |request| {
            values.iter().fold(request, |request, value| {
                request.header("authorization", *value)
            })
        })
        .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (401, "unauthorized")
        );
    }
    // The signature is not what this endpoint asks for.
    let answer = send(&app, |request| request.header("x-signature", SECRET)).await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        app.counted("webhook_deliveries", &["unauthorized"]).await,
        7
    );
    assert_eq!(app.counted("webhook_deliveries", &["accepted"]).await, 0);
}

#[tokio::test]
async fn a_signature_over_the_body_opens_the_endpoint_where_that_is_asked_for() {
    let (app, _) = receiving("credential = \"signature\"").await;
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, delivery().as_bytes());
    let digits = tag.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.map(|digit| char::from_digit(digit.into(), 16).unwrap());
    let signature: String = digits.collect();
    for value in [signature.clone(), format!("sha256={signature}")] {
        let answer = send(&app, |request| request.header("x-signature", value)).await;
        assert_eq!(answer.status, 204);
    }
    let other = send(&app, |request| {
        request.header("x-signature", &signature).body("{}")
    });
    assert_eq!(other.await.status, 401);
    // The secret itself proves nothing here.
    let answer = send(&app, |request| request.bearer_auth(SECRET)).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_secret_is_rotated_by_a_reload_without_a_delivery_refused() {
    let (app, _) = receiving("").await;
    let put = |secret: &str, previous: &str| {
        let more = format!("previous_secret = \"{previous}\"");
        let text = super::section("http://127.0.0.1:1", &more);
        let mut sources = app.sources.clone();
        sources.texts.pop();
        sources.texts.push(text.replace(
            &format!("\nsecret = \"{SECRET}\""),
            &format!("\nsecret = \"{secret}\""),
        ));
        let settings = room_broker::settings::Settings::load(&sources).unwrap();
        app.running.reloader().apply(&settings).unwrap();
    };
    let new = "the-new-webhook-secret-0123456789";
    put(new, SECRET);
    for secret in [SECRET, new] {
        let answer = send(&app, |request| request.bearer_auth(secret)).await;
        assert_eq!(answer.status, 204);
    }
    put(new, PREVIOUS);
    let answer = send(&app, |request| request.bearer_auth(SECRET)).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn another_segment_is_no_path_at_all() {
    let (app, _) = receiving("").await;
    for segment in ["x", "canary-segment-5d41402abc4b2a7", "%2e%2e", ""] {
        let url = format!("{}/webhooks/digital-samba/{segment}", app.public);
        let request = app.http.post(url).bearer_auth(SECRET).body(delivery());
        assert_eq!(app.answer(request).await.code(), "not-found", "{segment}");
    }
    let answer = app.answer(app.http.get(app.endpoint())).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
}

#[tokio::test]
async fn without_a_public_url_there_is_no_endpoint() {
    let app = TestApp::spawn().await;
    let answer = app.tell(&today("room_locked", NOBODY, &json!({}))).await;
    assert_eq!(answer.code(), "not-found");
}

#[tokio::test]
async fn what_is_no_delivery_is_refused_in_our_words() {
    let (app, _) = receiving("").await;
    let deep = format!(
        "{}{}",
        r#"{"event":"room_locked","data":"#,
        "[".repeat(9000)
    );
    let large = " ".repeat(10_000_000);
    let bodies: [(&[u8], &str); 8] = [
        (b"", "bad-request"),
        (b"{", "bad-request"),
        (b"[]", "bad-request"),
        (br#"{"roomId":"x"}"#, "bad-request"),
        (br#"{"event":"a","eventType":"b"}"#, "bad-request"),
        (b"{\"event\":\"\xff\"}", "bad-request"),
        (deep.as_bytes(), "bad-request"),
        (large.as_bytes(), "payload-too-large"),
    ];
    for (body, code) in bodies {
        let request = app.http.post(app.endpoint()).bearer_auth(SECRET);
        let answer = app.answer(request.body(body.to_vec())).await;
        assert_eq!(answer.code(), code);
    }
    assert_eq!(app.counted("webhook_deliveries", &["malformed"]).await, 7);
    // Whatever came before: a good one is taken.
    let good = today("room_locked", NOBODY, &json!({}));
    assert_eq!(app.tell(&good).await.status, 204);
}

#[tokio::test]
async fn whoever_guesses_credentials_is_held_off_before_any_is_looked_at() {
    let app = TestApp::spawn_with(|setup| {
        setup
            .config(&super::section("http://127.0.0.1:1", ""))
            .config("[limits]\nenabled = true\nfailures_per_minute = 1\nfailures_burst = 3");
    })
    .await;
    let mut codes = Vec::new();
    for _guess in 0..6 {
        let answer = send(&app, |request| request.bearer_auth("guess")).await;
        codes.push(answer.status);
    }
    assert_eq!(codes, [401, 401, 401, 401, 429, 429]);
}
