//! What passes the drop-in gateway is seen by those whom it is for alone, at the most talkative
//! level.

use std::fmt::Write as _;

use reqwest::{Method, RequestBuilder};
use room_broker::simulator::{Fault, FaultKind};
use serde_json::{Value, json};

use super::program::Program;
use crate::internal::Backend;
use crate::support::process::World;
use crate::support::{Answer, DEVELOPER_KEY};

/// In everything that is sent, and in nothing that is let out.
const CANARY: &str = "canary-of-a-call";
/// In what upstream says of a failure.
const UPSTREAMS: &str = "canary-of-upstream";
const ROOM: &str = "/rooms/course-101";

struct Scene {
    world: World,
    program: Program,
    /// Where the gateway is.
    api: String,
    ops: String,
    /// What answers say that are not for showing what was sent, and every answer's head.
    answered: String,
    canaries: Vec<String>,
}

impl Scene {
    async fn start(log_format: &str, backends: &[&Backend]) -> Self {
        let world = World::new();
        let keys: String = backends.iter().map(|of| of.configuration()).collect();
        let talkative = world
            .configuration()
            .replace("workers = 2", "workers = 2\naccess_log = true")
            .replace(
                "[digital_samba]\n",
                "[digital_samba]\nbreaker_failures = 1000\n",
            );
        let config = format!(
            "{talkative}\n{keys}\n[telemetry]\nlog_format = \"{log_format}\"\nlog_level = \"trace\"\n"
        );
        let program = Program::serve(&world.write("broker.toml", &config));
        let (_, ops) = program.addresses().await;
        let api = format!("{}/api/v1", program.internal_address().await);
        Self {
            world,
            program,
            api,
            ops,
            answered: String::new(),
            canaries: [CANARY, UPSTREAMS, DEVELOPER_KEY].map(str::to_owned).into(),
        }
    }

    fn request(&self, key: &str, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .world
            .http
            .request(method, format!("{}{path}", self.api));
        request.bearer_auth(key)
    }

    /// Sends a request and keeps all of its answer.
    async fn send(&mut self, request: RequestBuilder) -> Answer {
        let answer = self.send_for_its_answer(request).await;
        writeln!(self.answered, "{}", answer.text).unwrap();
        answer
    }

    /// Sends one whose answer has what was sent by its purpose; a problem never has.
    async fn send_for_its_answer(&mut self, request: RequestBuilder) -> Answer {
        let answer = Answer::of(request.send().await.unwrap()).await;
        writeln!(self.answered, "{:?}", answer.headers).unwrap();
        if answer.header("content-type") == "application/problem+json" {
            writeln!(self.answered, "{}", answer.text).unwrap();
        }
        answer
    }

    /// Bodies with secrets and names, in form and out of it.
    async fn send_secrets(&mut self, key: &str) {
        let hook = json!({
            "endpoint": "https://hooks.example/x", "events": ["room_deleted"],
            "authorization_header": format!("{CANARY}-authorization"),
        });
        let older = json!({
            "endpoint": "https://hooks.example/y", "events": ["room.deleted"],
            "secret": format!("{CANARY}-secret"),
        });
        let room =
            json!({ "stream_key": CANARY, "restream_key": CANARY, "telephony_pin_dtmf": CANARY });
        let stream = json!({ "type": "youtube", "stream_key": format!("{CANARY}-stream") });
        for (method, path, body) in [
            (Method::PATCH, ROOM.to_owned(), room.clone()),
            (Method::PATCH, String::new(), room),
            (Method::POST, "/webhooks".to_owned(), hook),
            (Method::POST, "/webhooks".to_owned(), older),
            (Method::GET, "/webhooks".to_owned(), Value::Null),
            (Method::POST, format!("{ROOM}/restreamers/start"), stream),
        ] {
            let text = body.to_string();
            for body in [
                text.clone(),
                format!("{text}{CANARY}"),
                format!("[{text}]"),
                format!("\"{CANARY}\""),
            ] {
                for form in ["", "1.1", CANARY] {
                    let request = self.request(key, method.clone(), &path);
                    let request = request.header("content-type", "application/json");
                    let request = request.header("digital-samba-reference", form);
                    self.send(request.body(body.clone())).await;
                }
            }
        }
    }

    /// Tokens that are signed here, with names in them.
    async fn send_tokens(&mut self, key: &str) {
        let path = format!("{ROOM}/token");
        for body in [
            json!({ "ud": format!("{CANARY}-person"), "u": format!("{CANARY} Ada") }),
            json!({ "ud": CANARY, "role": CANARY }),
            json!({ "ud": CANARY, "exp": CANARY }),
            json!({ "ud": CANARY, "avatar": CANARY }),
            json!({ "ud": CANARY.repeat(99) }),
            json!([CANARY]),
        ] {
            let request = self.request(key, Method::POST, &path).json(&body);
            let answer = self.send_for_its_answer(request).await;
            if answer.status == 200 {
                let told = answer.json();
                let token = told["token"].as_str().unwrap();
                let own = token.split('.').skip(1).map(str::to_owned);
                self.canaries.extend(own);
            } else {
                writeln!(self.answered, "{}", answer.text).unwrap();
            }
        }
    }

    /// Values of queries, of parameters that there are and of others.
    async fn send_queries(&mut self, key: &str) {
        for path in [
            format!("/rooms?tag={CANARY}&limit={CANARY}"),
            format!("/rooms?{CANARY}={CANARY}"),
            format!("{ROOM}/chat/export?format={CANARY}&lang={CANARY}"),
            format!("{ROOM}/live/count?key={CANARY}"),
            format!("/statistics/rooms?{CANARY}"),
            format!("/nothing?key={CANARY}"),
        ] {
            let request = self.request(key, Method::GET, &path);
            self.send(request).await;
        }
        let long = format!("/rooms?tag={}", CANARY.repeat(400));
        let request = self.request(key, Method::GET, &long);
        self.send(request).await;
    }

    /// Files, whole and not, in forms and in what only looks so.
    async fn send_uploads(&mut self, key: &str) {
        let part = "content-disposition: form-data; name=\"file\"; filename=";
        for (content_type, form) in [
            (
                "multipart/form-data; boundary=b",
                format!(
                    "--b\r\n{part}\"{CANARY}.csv\"\r\n\r\nquestion,type,option1\n{CANARY},single,{CANARY}\n\r\n--b--\r\n"
                ),
            ),
            (
                "multipart/form-data; boundary=b",
                format!("--b\r\n{part}\"a.csv\"\r\n\r\n{CANARY}"),
            ),
            ("multipart/form-data", format!("--b\r\n{CANARY}")),
            ("text/csv", CANARY.to_owned()),
            (
                "multipart/form-data; boundary=canary-of-a-call",
                CANARY.to_owned(),
            ),
        ] {
            let request = self.request(key, Method::POST, &format!("{ROOM}/polls/import"));
            let request = request.header("content-type", content_type);
            self.send(request.body(form)).await;
        }
    }

    /// Upstream fails, and says more than is anybody's business. What it says of a request with a
    /// 4xx is for the caller, and for nobody else.
    async fn send_faults(&mut self, key: &str) {
        let said = json!({
            "id": UPSTREAMS, "message": UPSTREAMS, "errors": { (UPSTREAMS): [DEVELOPER_KEY] },
        });
        let json_type = "application/json";
        let broken = format!("{{\"message\":\"{UPSTREAMS}");
        for (status, content_type, body) in [
            (401, json_type, said.to_string()),
            (403, json_type, said.to_string()),
            (404, json_type, said.to_string()),
            (409, json_type, said.to_string()),
            (422, json_type, said.to_string()),
            (422, "text/html", UPSTREAMS.to_owned()),
            (500, json_type, said.to_string()),
            (503, "text/html", UPSTREAMS.to_owned()),
            (302, json_type, said.to_string()),
            (200, json_type, said.to_string()),
            (200, json_type, broken),
            (200, "text/html", UPSTREAMS.to_owned()),
            // The last: it is heeded, and nothing more is sent for a while.
            (429, json_type, said.to_string()),
        ] {
            let headers = [("content-type", content_type), ("location", UPSTREAMS)];
            let fault = Fault::new(FaultKind::Answer {
                status,
                headers: headers
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
                body,
            });
            for (operation, method, path) in [
                ("create_webhook", Method::POST, "/webhooks"),
                // Read for a token, so that the answer is looked into.
                ("get_room", Method::POST, "/rooms/course-999/token"),
                ("list_recordings", Method::GET, "/recordings"),
                ("export_chat", Method::GET, "/rooms/course-101/chat/export"),
            ] {
                let controls = self.world.upstream.controls();
                controls.fail(operation, fault.clone());
                let request = self.request(key, method, path).json(&json!({}));
                self.send_for_its_answer(request).await;
                self.world.upstream.controls().clear_faults(operation);
            }
        }
    }
}

#[tokio::test]
async fn nothing_that_passes_the_gateway_is_seen_beside_it() {
    for log_format in ["json", "text"] {
        let (all, seer) = (
            Backend::that_may(&["*"]),
            Backend::that_may(&["*", "secrets:read"]),
        );
        let (poor, unknown) = (Backend::that_may(&["live:read"]), Backend::that_may(&["*"]));
        let mut scene = Scene::start(log_format, &[&all, &seer, &poor]).await;
        let room = json!({ "friendly_url": "course-101", "external_id": "course-101", "privacy": "private" });
        scene.world.upstream.create_room(&room).unwrap();
        let keys = [poor.key(), unknown.key(), all.key()];
        for key in &keys {
            scene.send_secrets(key).await;
            scene.send_tokens(key).await;
            scene.send_queries(key).await;
            scene.send_uploads(key).await;
        }
        for path in ["/webhooks", "", ROOM] {
            let request = scene.request(&seer.key(), Method::GET, path);
            let shown = scene.send_for_its_answer(request).await;
            assert_eq!(shown.status, 200, "{shown:?}");
            assert!(path != "/webhooks" || shown.text.contains(CANARY));
        }
        for key in &keys {
            scene.send_faults(key).await;
        }
        let metrics = scene.world.http.get(format!("{}/metrics", scene.ops));
        assert_eq!(scene.send(metrics).await.status, 200);
        assert!(scene.canaries.len() > 4, "no token was signed");
        let Scene {
            world,
            program,
            answered,
            canaries,
            ..
        } = scene;
        program.signal("TERM");
        let (code, said) = program.ended();
        assert_eq!(code, Some(0));
        assert!(said.contains("request answered"));
        let audit = std::fs::read_to_string(world.path("audit.jsonl")).unwrap();
        assert!(audit.contains("create_room_token") && audit.contains("import_polls"));
        super::assert_unseen(log_format, &[said, answered, audit].join("\n"), &canaries);
    }
}
