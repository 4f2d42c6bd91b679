//! A service that writes down what it is sent, and says always the same.

use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

use crate::support::listener;

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Recorded {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The service. Dropped, it ends.
pub(super) struct Recorder {
    pub(super) url: String,
    requests: Arc<Mutex<Vec<Recorded>>>,
    handle: ServerHandle,
}

#[derive(Clone)]
struct Shared {
    answer: String,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl Recorder {
    /// Answers every request with this JSON.
    pub(super) fn start(answer: &serde_json::Value) -> Self {
        let listener = listener();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::default();
        let shared = Shared {
            answer: answer.to_string(),
            requests: Arc::clone(&requests),
        };
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(shared.clone()))
                .default_service(web::to(record))
        });
        let server = server.workers(1).disable_signals();
        let server = server.listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            url,
            requests,
            handle,
        }
    }

    pub(super) fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

async fn record(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| {
        let value = value.to_str().unwrap_or_default();
        (name.to_string(), value.to_owned())
    });
    shared.requests.lock().unwrap().push(Recorded {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        headers: headers.collect(),
        body: body.to_vec(),
    });
    HttpResponse::Ok()
        .content_type("application/json")
        .body(shared.answer.clone())
}
