//! `/api/v1/**`: upstream's own API for product backends.

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt as _;
use url::form_urlencoded;

use crate::digital_samba::{
    AnswerBody, Body, Forwarded, Matched, Method, NoMatch, Operation, Routes, Upload, UploadFault,
    UploadSender, upload,
};
use crate::gateway::{Answered, GatewayBody, GatewayCall};
use crate::http::body::{is_json, read_body};
use crate::http::problem::{Code, Problem};
use crate::http::state::{BodyLimits, InternalState};

use super::audit::CallNote;
use super::caller::{ProvenService, ServiceCaller};

/// Which of the two forms of an answer the caller wants: `1.1` asks for the older reference's.
pub(super) const REFERENCE: HeaderName = HeaderName::from_static("digital-samba-reference");

/// Reads the path, proves the caller, finds the operation and its scope, and sends it on.
pub(in crate::http) async fn call(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<InternalState>,
    routes: web::Data<Routes>,
) -> Result<HttpResponse, Problem> {
    let segments = Routes::segments(request.uri().path())?;
    let proven = ProvenService::of(&request).await?;
    let method = request.method().as_str();
    let matched = match routes.find(method, &segments) {
        Ok(matched) => matched,
        Err(NoMatch::Path) => return Err(Problem::new(Code::NotFound)),
        Err(NoMatch::Method { allowed }) => return Ok(only(&allowed)),
    };
    CallNote::does(&request, matched.operation);
    let caller = proven.with(matched.operation.scope)?;
    let asked = Asked {
        caller: &caller,
        request: &request,
        state: &state,
        matched,
    };
    match asked.matched.operation.body {
        Body::Nothing => asked.send(GatewayBody::Nothing).await,
        Body::Json => {
            let body = asked.json(payload).await?;
            asked.send(body).await
        }
        // Boxed since it is rare, and each call would make room for it.
        Body::Multipart => Box::pin(asked.upload(payload)).await,
    }
}

/// 405 with the methods that are offered.
fn only(allowed: &[Method]) -> HttpResponse {
    let methods: Vec<&str> = allowed.iter().map(|method| method.as_str()).collect();
    HttpResponse::MethodNotAllowed()
        .insert_header((header::ALLOW, methods.join(", ")))
        .finish()
}

/// A call whose caller may make it.
struct Asked<'a> {
    caller: &'a ServiceCaller,
    request: &'a HttpRequest,
    state: &'a InternalState,
    matched: Matched,
}

impl Asked<'_> {
    fn operation(&self) -> &'static Operation {
        self.matched.operation
    }

    async fn send(self, body: GatewayBody) -> Result<HttpResponse, Problem> {
        let query = form_urlencoded::parse(self.request.query_string().as_bytes());
        let older = self.request.headers().get(REFERENCE);
        let answered = self.state.gateway.call(GatewayCall {
            service: self.caller.principal(),
            operation: self.operation(),
            parameters: self.matched.parameters,
            query: query.into_owned().collect(),
            body,
            wants_older_form: older.is_some_and(|version| version.as_bytes() == b"1.1"),
        });
        let Answered { room_key, told } = answered.await;
        if let Some(room_key) = room_key {
            CallNote::is_in(self.request, &room_key);
        }
        Ok(answer(told?))
    }

    async fn json(&self, payload: web::Payload) -> Result<GatewayBody, Problem> {
        let limits = BodyLimits {
            body_bytes_max: self.state.gateway.parameters().body_bytes_max,
            body_timeout: self.state.parameters.body_timeout,
        };
        let body = read_body(self.request, payload, &limits).await?;
        if body.is_empty() {
            return Ok(GatewayBody::Nothing);
        }
        // Few clients name the type of a body of GET or DELETE.
        let is_named = self.request.headers().contains_key(header::CONTENT_TYPE);
        if is_named && !is_json(self.request) {
            return Err(Problem::new(Code::UnsupportedMediaType)
                .detail("Send Content-Type: application/json."));
        }
        Ok(GatewayBody::Json(body.freeze()))
    }

    /// The upload goes on while it comes in; whichever side ends first ends the other.
    async fn upload(self, payload: web::Payload) -> Result<HttpResponse, Problem> {
        let bytes_max = self.state.gateway.parameters().upload_bytes_max;
        let headers = self.request.headers();
        let field = |name| {
            headers
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok())
        };
        let length = field(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
        if length.is_some_and(|length| length > bytes_max) {
            return Err(UploadFault::TooLong.into());
        }
        let content_type = field(header::CONTENT_TYPE).unwrap_or_default();
        let (sender, upload): (UploadSender, Upload) = upload(content_type, bytes_max)?;
        let pumping = pump(payload, sender, &self.state.parameters);
        let sending = self.send(GatewayBody::Upload(upload));
        tokio::pin!(pumping, sending);
        tokio::select! {
            answer = &mut sending => answer,
            // What went wrong with the upload, the call says too.
            _pumped = &mut pumping => sending.await,
        }
    }
}

async fn pump(
    mut payload: web::Payload,
    mut sender: UploadSender,
    limits: &BodyLimits,
) -> Result<(), UploadFault> {
    loop {
        match tokio::time::timeout(limits.body_timeout, payload.next()).await {
            Ok(Some(Ok(piece))) => sender.send(piece).await?,
            Ok(None) => return sender.finish().await,
            Ok(Some(Err(_))) => return Err(sender.give_up(UploadFault::BrokenOff).await),
            Err(_elapsed) => return Err(sender.give_up(UploadFault::TooSlow).await),
        }
    }
}

/// What upstream said, or we in its form.
fn answer(told: Forwarded) -> HttpResponse {
    let status = StatusCode::from_u16(told.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = HttpResponse::build(status);
    for (name, value) in &told.headers {
        response.append_header((name.as_str(), value.as_bytes()));
    }
    if status == StatusCode::NO_CONTENT {
        return response.finish();
    }
    match told.body {
        AnswerBody::Whole(body) => response.body(body),
        AnswerBody::Chunks(chunks) => match chunks.length {
            // Both break the connection where a stream ends with a fault, so that half an answer
            // never looks whole.
            Some(length) => response.body(SizedStream::new(length, chunks)),
            None => response.streaming(chunks),
        },
    }
}
