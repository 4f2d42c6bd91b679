//! Both services over real HTTP.

mod chat;
mod content;
mod digital_samba;
mod faults;
mod identity_provider;
mod in_the_room;
mod libraries;
mod operations;
mod polls;
mod questions;
mod quizzes;
mod recordings;
mod roles;
mod room_page;
mod sessions;
mod statistics;
mod transcripts;
mod webhooks;

use std::net::TcpListener;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::digital_samba::{self as upstream, DigitalSamba, Visitor};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::http_client::{HttpClientParameters, Proxies, http_client};

const TEAM: &str = "0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f0";
const KEY: &str = "example-developer-key-not-a-real-one";
const NOW: u64 = 1_781_000_000;

fn client() -> reqwest::Client {
    http_client(HttpClientParameters {
        connect_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(20),
        redirects_max: 0,
        idle_connections_max: 4,
        proxies: Proxies::None,
    })
    .unwrap()
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// A simulated team, its time, and a client with its key.
struct Team {
    samba: DigitalSamba,
    time: ManualClock,
    client: reqwest::Client,
}

impl Team {
    fn start() -> Self {
        let (clock, time) = Clock::manual(UnixTime::from_seconds(NOW));
        let samba = upstream::start(upstream::Parameters {
            listener: listener(),
            clock,
            team_id: TEAM.to_owned(),
            team_domain: "northwind".to_owned(),
            developer_key: KEY.to_owned(),
            rooms_base: None,
            rate_limit_per_minute: 1000,
        })
        .unwrap();
        Self {
            samba,
            time,
            client: client(),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let address = format!("{}{path}", self.samba.base_url());
        self.client.request(method, address).bearer_auth(KEY)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        told(self.request(Method::GET, path).send().await.unwrap()).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.request(Method::POST, path).json(&body);
        told(request.send().await.unwrap()).await
    }

    async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.request(Method::PATCH, path).json(&body);
        told(request.send().await.unwrap()).await
    }

    async fn delete(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.request(Method::DELETE, path).json(&body);
        told(request.send().await.unwrap()).await
    }

    async fn room(&self, friendly_url: &str) -> Value {
        let body = json!({
            "friendly_url": friendly_url,
            "privacy": "private",
            "roles": ["moderator", "attendee"],
            "default_role": "attendee",
        });
        let (status, room) = self.post("/api/v1/rooms", body).await;
        assert_eq!(status, 200, "{room}");
        room
    }

    async fn page(&self, path: &str) -> (u16, String) {
        let address = format!("{}{path}", self.samba.base_url());
        let response = self.client.get(address).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

impl Team {
    /// Who is in a room, if it is one person.
    async fn present(&self, room: &str) -> Value {
        let path = format!("/api/v1/rooms/{room}/live/participants");
        let (status, live) = self.get(&path).await;
        assert_eq!(status, 200, "{live}");
        live["live_participants"][0].clone()
    }

    /// A file and its type.
    async fn file(&self, path: &str) -> (Vec<u8>, String) {
        let answer = self.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let kind = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        (answer.bytes().await.unwrap().to_vec(), kind)
    }

    /// Sends a file in a form.
    async fn upload(&self, path: &str, field: &str, name: &str, file: &[u8]) -> (u16, Value) {
        told(self.send_file(path, field, name, file).await).await
    }

    async fn send_file(&self, path: &str, field: &str, name: &str, file: &[u8]) -> Response {
        let head = format!(
            "--frontier\r\ncontent-disposition: form-data; name=\"{field}\"; \
             filename=\"{name}\"\r\ncontent-type: text/csv\r\n\r\n"
        );
        let form = [head.as_bytes(), file, b"\r\n--frontier--\r\n"].concat();
        let request = self
            .request(Method::POST, path)
            .header("content-type", "multipart/form-data; boundary=frontier")
            .body(form);
        request.send().await.unwrap()
    }
}

/// A team with a room, and Ada in it; the id of its session.
async fn meeting() -> (Team, String) {
    let team = Team::start();
    team.room("clinic").await;
    let ada = Visitor {
        name: Some("Ada".to_owned()),
        ..visitor("user-1", "moderator")
    };
    assert!(team.samba.enter("clinic", ada));
    let (_, page) = team.get("/api/v1/sessions").await;
    let session = page["data"][0]["id"].as_str().unwrap().to_owned();
    (team, session)
}

/// Somebody whom a product names.
fn person(external_id: &str) -> Value {
    json!({ "name": "Ben", "external_id": external_id })
}

fn visitor(external_id: &str, role: &str) -> Visitor {
    Visitor {
        external_id: Some(external_id.to_owned()),
        role: role.to_owned(),
        ..Visitor::default()
    }
}

async fn told(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(json!(text)))
}
