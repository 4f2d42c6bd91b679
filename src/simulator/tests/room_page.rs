use serde_json::{Value, json};

use super::{KEY, NOW, TEAM, Team};
use crate::simulator::identity_provider::{hmac_signed, unsigned};

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn claims(room: &Value) -> Value {
    json!({
        "td": TEAM, "rd": room["id"], "ud": "user-1", "u": "Ines Valdez", "role": "moderator",
        "iat": NOW, "nbf": NOW, "exp": NOW + 3600,
    })
}

#[tokio::test]
async fn a_valid_token_lets_its_bearer_in_and_is_remembered() {
    let team = Team::start();
    let room = team.room("clinic").await;
    let token = hmac_signed(KEY.as_bytes(), HEADER, &claims(&room).to_string());
    let (status, page) = team.page(&format!("/clinic?token={token}")).await;
    assert_eq!(status, 200);
    assert!(page.contains("<strong>Ines Valdez</strong>"), "{page}");
    assert!(page.contains("until 2026-06-09 11:13:20 UTC"), "{page}");
    assert!(page.contains("<b>IV</b>"), "{page}");
    team.page(&format!("/{}?token={token}", room["id"].as_str().unwrap()))
        .await;
    let joins = team.samba.joins();
    assert_eq!(joins.len(), 2);
    assert_eq!(joins[0].external_id.as_deref(), Some("user-1"));
    assert_eq!(joins[0].role, "moderator");
    let (_, live) = team.get("/api/v1/rooms/clinic/live").await;
    assert_eq!(live["live_participants"], 1, "the same person twice is one");
}

#[tokio::test]
async fn a_token_with_one_thing_wrong_stays_outside_and_is_told_why() {
    let team = Team::start();
    let room = team.room("clinic").await;
    let other = team.room("other").await;
    let with = |name: &str, value: Value| {
        let mut claims = claims(&room);
        claims[name] = value;
        hmac_signed(KEY.as_bytes(), HEADER, &claims.to_string())
    };
    let plain = claims(&room).to_string();
    for (token, reason) in [
        (with("td", json!("another")), "another team"),
        (with("rd", other["id"].clone()), "another room"),
        (with("rd", json!("clinic")), "another room"),
        (with("role", json!("speaker")), "not one of this room"),
        (with("exp", json!(NOW)), "has expired"),
        (with("exp", json!("later")), "not a JWT"),
        (with("nbf", json!(NOW + 1)), "not valid yet"),
        (
            hmac_signed(b"another-key", HEADER, &plain),
            "signature is wrong",
        ),
        (
            hmac_signed(KEY.as_bytes(), r#"{"alg":"none"}"#, &plain),
            "not a JWT",
        ),
        (unsigned(HEADER, &plain), "signature is wrong"),
        ("nonsense".to_owned(), "not a JWT"),
    ] {
        let (status, page) = team.page(&format!("/clinic?token={token}")).await;
        assert_eq!(status, 403, "{reason}");
        assert!(page.contains(reason), "{reason}: {page}");
    }
    let (status, page) = team.page("/clinic").await;
    assert_eq!(status, 403);
    assert!(page.contains("carries no token"));
    assert_eq!(team.page("/nowhere").await.0, 404);
    assert_eq!(team.samba.joins(), []);
}

#[tokio::test]
async fn a_public_room_lets_anybody_in_as_its_default_role() {
    let team = Team::start();
    let body = json!({
        "friendly_url": "open", "roles": ["moderator", "attendee"], "default_role": "attendee",
    });
    team.post("/api/v1/rooms", body).await;
    assert_eq!(team.page("/open").await.0, 200);
    assert_eq!(team.samba.joins()[0].role, "attendee");
}

#[tokio::test]
async fn a_replaced_developer_key_ends_every_token_signed_before() {
    let team = Team::start();
    let room = team.room("clinic").await;
    let token = hmac_signed(KEY.as_bytes(), HEADER, &claims(&room).to_string());
    team.samba.replace_developer_key("the-next-key");
    assert_eq!(team.page(&format!("/clinic?token={token}")).await.0, 403);
    assert_eq!(team.get("/api/v1").await.0, 401);
}

#[tokio::test]
async fn the_page_escapes_names_and_loads_nothing() {
    let team = Team::start();
    let room = team.room("clinic").await;
    let mut claims = claims(&room);
    claims["u"] = json!("<script>alert(1)</script>");
    let token = hmac_signed(KEY.as_bytes(), HEADER, &claims.to_string());
    let address = format!("{}/clinic?token={token}", team.samba.base_url());
    let response = team.client.get(address).send().await.unwrap();
    let policy = response.headers()["content-security-policy"].clone();
    assert!(
        policy
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'; style-src 'sha256-")
    );
    assert_eq!(response.headers()["referrer-policy"], "no-referrer");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let page = response.text().await.unwrap();
    assert!(
        page.contains("&lt;script&gt;") && !page.contains("<script"),
        "{page}"
    );
    assert!(!page.contains("src=") && !page.contains("href="), "{page}");
}

#[tokio::test]
async fn the_page_lets_its_bearer_out_without_a_script() {
    let team = Team::start();
    let room = team.room("clinic").await;
    let token = hmac_signed(KEY.as_bytes(), HEADER, &claims(&room).to_string());
    let (_, page) = team.page(&format!("/clinic?token={token}")).await;
    let (_, people) = team.get("/api/v1/participants").await;
    let id = people["data"][0]["id"].as_str().unwrap();
    let field = format!("name=\"participant\" value=\"{id}\"");
    assert!(
        page.contains("action=\"/clinic/leave\"") && page.contains(&field),
        "{page}"
    );

    team.room("other").await;
    for (path, participant, status) in [
        ("/other/leave", id, 404),
        ("/clinic/leave", "somebody-else", 404),
        ("/clinic/leave", id, 200),
    ] {
        let address = format!("{}{path}", team.samba.base_url());
        let form = [("participant", participant)];
        let answer = team.client.post(address).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path} {participant}");
    }
    let (_, people) = team.get("/api/v1/participants?live=true").await;
    assert_eq!(people["total_count"], "0");
}
