//! What each listener offers: one line for each path.

use std::sync::Arc;

use actix_cors::Cors;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, Resource, guard, web};
use arc_swap::ArcSwap;

use super::problem::{Code, Problem};
use super::{documents, health, internal, join, me, rooms};

/// Origins that browsers may call from, compared exactly; replaced at a reload.
pub type Origins = Arc<ArcSwap<Vec<HeaderValue>>>;

/// For how long a browser may keep the answer to a preflight, in seconds.
const PREFLIGHT_SECONDS: usize = 600;

/// The paths of the public listener, with the methods and the route's name in metrics.
pub const PUBLIC: &[(&str, &[Method], &str)] = &[
    ("/v1/rooms/{room_key}/join", &[Method::POST], "join"),
    ("/v1/rooms/{room_key}", &[Method::GET], "read-room"),
    ("/v1/me", &[Method::GET], "me"),
    ("/healthz", &[Method::GET], "healthz"),
    ("/readyz", &[Method::GET], "readyz"),
    ("/openapi.yaml", &[Method::GET], "openapi"),
    ("/docs", &[Method::GET], "docs"),
];

/// The paths of the internal listener.
pub const INTERNAL: &[(&str, &[Method], &str)] = &[
    ("/v1/rooms/{room_key}", &[Method::GET], "service-read-room"),
    ("/healthz", &[Method::GET], "healthz"),
    ("/readyz", &[Method::GET], "readyz"),
];

/// The paths of the ops listener.
pub const OPS: &[(&str, &[Method], &str)] = &[
    ("/healthz", &[Method::GET], "healthz"),
    ("/readyz", &[Method::GET], "readyz"),
    ("/metrics", &[Method::GET], "metrics"),
];

/// Registers the public listener's paths.
pub fn public(config: &mut web::ServiceConfig) {
    config
        .service(post(
            "/v1/rooms/{room_key}/join",
            "join",
            web::post().to(join::join),
        ))
        .service(get(
            "/v1/rooms/{room_key}",
            "read-room",
            get_or_head().to(rooms::read),
        ))
        .service(get("/v1/me", "me", get_or_head().to(me::read)))
        .service(get(
            "/openapi.yaml",
            "openapi",
            get_or_head().to(documents::openapi),
        ))
        .service(get("/docs", "docs", get_or_head().to(documents::docs)));
    probes(config);
}

/// Registers the internal listener's paths.
pub fn internal(config: &mut web::ServiceConfig) {
    config.service(get(
        "/v1/rooms/{room_key}",
        "service-read-room",
        get_or_head().to(internal::rooms::read),
    ));
    probes(config);
}

/// Registers the ops listener's paths.
pub fn ops(config: &mut web::ServiceConfig) {
    config.service(get(
        "/metrics",
        "metrics",
        get_or_head().to(health::metrics),
    ));
    probes(config);
}

fn probes(config: &mut web::ServiceConfig) {
    config
        .service(get(
            "/healthz",
            "healthz",
            get_or_head().to(health::healthz),
        ))
        .service(get("/readyz", "readyz", get_or_head().to(health::readyz)))
        .default_service(web::to(nothing_here));
}

/// HEAD wherever GET is (RFC 9110 section 9.1); the server leaves the body out.
fn get_or_head() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn get(path: &str, name: &str, route: actix_web::Route) -> Resource {
    web::resource(path)
        .name(name)
        .route(route)
        .default_service(web::to(|| only("GET, HEAD")))
}

fn post(path: &str, name: &str, route: actix_web::Route) -> Resource {
    web::resource(path)
        .name(name)
        .route(route)
        .default_service(web::to(|| only("POST")))
}

fn nothing_here() -> std::future::Ready<Result<HttpResponse, Problem>> {
    std::future::ready(Err(Problem::new(Code::NotFound)))
}

/// 405 with the method that is offered (RFC 9110 section 15.5.6).
fn only(method: &'static str) -> std::future::Ready<HttpResponse> {
    let refused = HttpResponse::MethodNotAllowed()
        .insert_header((header::ALLOW, method))
        .finish();
    std::future::ready(refused)
}

/// The route's name in metrics and logs: a word of this program, never of the caller's.
pub fn name_of(matched: Option<&str>) -> &'static str {
    let Some(matched) = matched else {
        return "none";
    };
    let named = PUBLIC
        .iter()
        .chain(INTERNAL)
        .chain(OPS)
        .find(|(_, _, name)| *name == matched);
    named.map_or("none", |(_, _, name)| name)
}

/// Cross-origin access by an exact list (Fetch, "CORS protocol"), without credentials: a bearer
/// token is not ambient. An origin that is not listed is answered without any permission.
pub fn cors(origins: Origins) -> Cors {
    Cors::default()
        .allowed_origin_fn(move |origin, _request| origins.load().contains(origin))
        .block_on_origin_mismatch(false)
        .allowed_methods([Method::GET, Method::POST])
        .allowed_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            HeaderName::from_static("traceparent"),
            HeaderName::from_static("tracestate"),
        ])
        .expose_headers([
            "x-request-id",
            "retry-after",
            "ratelimit",
            "ratelimit-policy",
        ])
        .max_age(PREFLIGHT_SECONDS)
}
