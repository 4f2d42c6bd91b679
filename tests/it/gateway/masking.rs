//! Secrets in answers, with and without the scope that shows them.

use reqwest::Method;
use serde_json::json;

use crate::internal::{Backend, app_with};

use super::app_for_all;
use super::raw_upstream::RawUpstream;

const SECRET: &str = "canary-of-a-secret";
const MASK: &str = "[masked by room-broker]";

/// Operations that may answer secrets, and the members that are.
const SECRETS: &[(Method, &str, &[&str])] = &[
    (Method::GET, "", &["owner_id", "restream_key"]),
    (Method::PATCH, "", &["owner_id"]),
    (
        Method::GET,
        "/rooms",
        &["restream_key", "stream_key", "telephony_pin_dtmf"],
    ),
    (Method::POST, "/rooms", &["restream_key"]),
    (Method::GET, "/rooms/x-1", &["restream_key"]),
    (Method::PATCH, "/rooms/x-1", &["telephony_pin_dtmf"]),
    (Method::GET, "/webhooks", &["authorization_header"]),
    (Method::POST, "/webhooks", &["authorization_header"]),
    (Method::GET, "/webhooks/1", &["authorization_header"]),
    (Method::PATCH, "/webhooks/1", &["authorization_header"]),
    (Method::POST, "/libraries/1/files", &["token"]),
];

#[tokio::test]
async fn secrets_are_masked_unless_the_scope_for_them_is_named() {
    let (all, seer) = (
        Backend::that_may(super::ALL),
        Backend::that_may(&["*", "secrets:read"]),
    );
    for (method, path, members) in SECRETS {
        for member in *members {
            let item = json!({ (*member): SECRET, "name": "a" });
            let upstream = RawUpstream::saying(
                &json!({ "data": [item], "x": item, (*member): SECRET }).to_string(),
            )
            .await;
            let url = upstream.url();
            let app = app_with(
                &[&all, &seer],
                &format!("[digital_samba]\napi_url = \"{url}\""),
            )
            .await;
            let body = json!({});
            for form in ["", "1.1"] {
                let send = async |key: String| {
                    let request = app.api_request(&key, method.clone(), path).json(&body);
                    app.answer(request.header("digital-samba-reference", form))
                        .await
                };
                let masked = send(all.key()).await;
                assert_eq!(masked.status, 200, "{path} {masked:?}");
                assert!(!masked.text.contains(SECRET), "{path} {member} {masked:?}");
                assert_eq!(masked.json()["data"][0][member], MASK, "{path} {member}");
                let shown = send(seer.key()).await;
                assert_eq!(shown.json()["data"][0][member], SECRET, "{path} {member}");
            }
        }
    }
}

#[tokio::test]
async fn a_link_is_the_purpose_of_its_own_operation() {
    let link = json!({ "link": SECRET, "valid_until": "x", "pages": [{ "url": SECRET }] });
    let upstream = RawUpstream::saying(&link.to_string()).await;
    let (app, key) = upstream.app("").await;
    for path in ["/recordings/1/download", "/libraries/1/files/2/links"] {
        assert_eq!(app.api(&key, Method::GET, path).await.json(), link);
    }
}

#[tokio::test]
async fn a_mask_that_is_sent_back_does_not_overwrite_the_secret() {
    let (app, key) = app_for_all("").await;
    app.put_room("course-101");
    let body = json!({ "restream_key": MASK });
    let answer = app
        .api_with(&key, Method::PATCH, "/rooms/course-101", &body)
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "invalid-field")
    );
    assert_eq!(app.calls("update_room"), 0);
}
