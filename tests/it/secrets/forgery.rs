//! A log line cannot be forged, split or coloured by what a caller or a provider sends.

use room_broker::simulator::Fault;
use room_broker::simulator::identity_provider::{Algorithm, User};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Scene;

const FORGED: &str = "x\r\n{\"level\":\"ERROR\",\"message\":\"forged\"}\u{1b}[31m\u{0}\u{7}\u{85}\u{9b}31m\u{2028}\u{202e}";

/// Characters that split, colour or reorder a line, or hide in it.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[tokio::test]
async fn nothing_that_comes_from_outside_forges_splits_or_colours_a_line() {
    for log_format in ["json", "text"] {
        let mut scene = Scene::start(log_format).await;
        scene.until_ready().await;
        send_forgeries(&mut scene).await;
        publish_forgeries(&mut scene).await;
        scene.program.signal("TERM");
        let (code, said) = scene.program.ended();
        assert_eq!(code, Some(0));
        for line in said.lines() {
            assert!(!line.contains(is_control), "{line:?}");
            let is_whole = match log_format {
                "json" => serde_json::from_str::<Value>(line)
                    .is_ok_and(|line| line["message"] != "forged"),
                _text => line.starts_with("20") && line.contains("Z "),
            };
            // The lines of the audit log are JSON in any case.
            let is_audit =
                serde_json::from_str::<Value>(line).is_ok_and(|line| line["level"].is_null());
            assert!(is_whole || is_audit, "{line:?}");
        }
        assert!(said.lines().count() > 20, "{said}");
    }
}

/// Room keys, key ids, subjects, headers.
async fn send_forgeries(scene: &mut Scene) {
    let good = scene.token(User::Ada);
    let encoded = FORGED.bytes().map(|byte| format!("%{byte:02x}"));
    let encoded = encoded.collect::<Vec<_>>().concat();
    for room in [encoded.as_str(), "a%0d%0ab", "a%1b[31mb", "a%c2%85b"] {
        scene.send(scene.join(room).bearer_auth(&good)).await;
    }
    let kid = scene
        .provider
        .with_keys(|keys| keys.kid_for(Algorithm::Es256))
        .unwrap();
    let mut claims = scene.provider.claims(User::Ada);
    let header = json!({ "kid": FORGED, "typ": "JWT" });
    let strange = scene.provider.sign(&kid, &header, &claims).unwrap();
    scene
        .send(scene.join("course-1").bearer_auth(strange))
        .await;
    for name in ["sub", "iss", "aud", "name", "groups", "picture", "exp"] {
        claims[name] = json!(FORGED);
        let token = scene.provider.sign(&kid, &json!({}), &claims).unwrap();
        scene.send(scene.join("course-1").bearer_auth(token)).await;
        claims = scene.provider.claims(User::Ada);
    }
    for body in [
        json!({ FORGED: 1 }),
        json!({ "role": FORGED }),
        json!({ "display_name": FORGED }),
    ] {
        scene
            .send(scene.join("course-1").bearer_auth(&good).json(&body))
            .await;
    }
    for name in [
        "User-Agent",
        "traceparent",
        "tracestate",
        "X-Request-Id",
        "X-Forwarded-For",
        "Origin",
        "Accept",
        "Referer",
    ] {
        let values: [&[u8]; 4] = [
            b"a\x1b[31mb",
            b"\xc2\x9b31m\xe2\x80\xae\xc2\x85",
            b"a\tb",
            b"\"}\\r\\n{\"",
        ];
        for value in values {
            send_raw(scene, name, value, &good).await;
        }
    }
}

/// A header as no client would send it.
async fn send_raw(scene: &Scene, name: &str, value: &[u8], token: &str) {
    let mut stream = TcpStream::connect(scene.public.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let start = format!(
        "POST /v1/rooms/course-1/join HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n{name}: "
    );
    stream
        .write_all(&[start.as_bytes(), value, b"\r\n\r\n"].concat())
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 "));
}

/// Key ids of keys that cannot be used, in a set that an unknown key makes the program fetch.
async fn publish_forgeries(scene: &mut Scene) {
    let mut keys = scene.provider.with_keys(|keys| keys.jwks());
    let forged = json!({ "kty": "oct", "kid": FORGED, "k": "AA" });
    keys["keys"].as_array_mut().unwrap().push(forged);
    scene.provider.controls().fail("jwks", Fault::json(&keys));
    let kid = scene
        .provider
        .with_keys(|keys| keys.kid_for(Algorithm::Es256))
        .unwrap();
    let claims = scene.provider.claims(User::Ada);
    crate::support::until("the forged key id was read", async || {
        let token = scene
            .provider
            .sign(&kid, &json!({ "kid": "new" }), &claims)
            .unwrap();
        let request = scene.join("course-1").bearer_auth(token);
        request.send().await.unwrap();
        scene.program.said().contains("is symmetric")
    })
    .await;
}
