//! What each listener offers: one line for each path.

use std::sync::Arc;

use actix_cors::Cors;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Resource, guard, web};
use arc_swap::ArcSwap;

use crate::digital_samba::BASE_PATH;

use super::internal::{self, join_links, lives, room_list};
use super::problem::{Code, Problem};
use super::state::InternalState;
use super::{documents, health, join, me, rooms, webhooks};

/// Origins that browsers may call from, compared exactly; replaced at a reload.
pub type Origins = Arc<ArcSwap<Vec<HeaderValue>>>;

/// For how long a browser may keep the answer to a preflight, in seconds.
const PREFLIGHT_SECONDS: usize = 600;

/// The paths of the public listener, with the methods and the route's name in metrics.
pub const PUBLIC: &[(&str, &[Method], &str)] = &[
    ("/v1/rooms/{room_key}/join", &[Method::POST], "join"),
    ("/v1/rooms/{room_key}", &[Method::GET], "read-room"),
    ("/v1/me", &[Method::GET], "me"),
    (WEBHOOK, &[Method::POST], "webhook"),
    ("/healthz", &[Method::GET], "healthz"),
    ("/readyz", &[Method::GET], "readyz"),
    ("/openapi.yaml", &[Method::GET], "openapi"),
    ("/docs", &[Method::GET], "docs"),
];

/// Where upstream delivers.
const WEBHOOK: &str = "/webhooks/digital-samba/{segment}";

/// The paths of the internal listener; a method of a path may have a name of its own.
pub const INTERNAL: &[(&str, &[Method], &str)] = &[
    (
        "/api/v1/{path}",
        &[Method::GET, Method::POST, Method::PATCH, Method::DELETE],
        "gateway",
    ),
    (
        "/openapi-digital-samba.json",
        &[Method::GET],
        "gateway-description",
    ),
    ("/v1/rooms", &[Method::GET], "list-rooms"),
    (
        ROOM,
        &[Method::PUT, Method::GET, Method::PATCH, Method::DELETE],
        "room",
    ),
    (
        "/v1/rooms/{room_key}/join-links",
        &[Method::POST],
        "join-links",
    ),
    ("/v1/rooms/{room_key}/live", &[Method::GET], "room-live"),
    (
        "/v1/rooms/{room_key}/sessions",
        &[Method::GET],
        "room-sessions",
    ),
    (
        "/v1/rooms/{room_key}/recordings",
        &[Method::GET],
        "room-recordings",
    ),
    (
        "/v1/rooms/{room_key}/end-session",
        &[Method::POST],
        "end-session",
    ),
    ("/v1/policy/explain", &[Method::POST], "explain-policy"),
    ("/v1/denials", &[Method::GET], "list-denials"),
    (
        "/v1/denials/{denial_id}",
        &[Method::PUT, Method::GET, Method::DELETE],
        "denial",
    ),
    ("/openapi.yaml", &[Method::GET], "openapi"),
    ("/docs", &[Method::GET], "docs"),
    ("/healthz", &[Method::GET], "healthz"),
    ("/readyz", &[Method::GET], "readyz"),
];

/// A room by its key.
const ROOM: &str = "/v1/rooms/{room_key}";

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
        .service(post(WEBHOOK, "webhook", web::post().to(webhooks::receive)))
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
    // Routes are tried in turn, and most calls are for this one. Its own are the catalogue's.
    config.service(
        web::scope(BASE_PATH)
            .app_data(RouteName("gateway"))
            .default_service(web::to(internal::gateway::call)),
    );
    rooms_by_key(config);
    policy_and_denials(config);
    config
        .service(get(
            "/openapi.yaml",
            "openapi",
            get_or_head().to(documents::internal_openapi),
        ))
        .service(get(
            "/openapi-digital-samba.json",
            "gateway-description",
            get_or_head().to(internal::description::read),
        ))
        .service(get("/docs", "docs", get_or_head().to(documents::docs)));
    probes(config);
}

fn rooms_by_key(config: &mut web::ServiceConfig) {
    let room = |rest: &str| format!("{ROOM}/{rest}");
    config
        .service(get(
            "/v1/rooms",
            "list-rooms",
            get_or_head().to(room_list::list),
        ))
        .service(
            named(ROOM, "room")
                .route(web::put().to(internal::rooms::ensure))
                .route(get_or_head().to(internal::rooms::read))
                .route(web::patch().to(internal::rooms::change))
                .route(web::delete().to(internal::rooms::delete))
                .default_service(web::to(|| only("GET, HEAD, PUT, PATCH, DELETE"))),
        )
        .service(post(
            &room("join-links"),
            "join-links",
            web::post().to(join_links::mint),
        ))
        .service(get(
            &room("live"),
            "room-live",
            get_or_head().to(lives::live),
        ))
        .service(get(
            &room("sessions"),
            "room-sessions",
            get_or_head().to(lives::sessions),
        ))
        .service(get(
            &room("recordings"),
            "room-recordings",
            get_or_head().to(lives::recordings),
        ))
        .service(post(
            &room("end-session"),
            "end-session",
            web::post().to(lives::end_session),
        ));
}

fn policy_and_denials(config: &mut web::ServiceConfig) {
    config
        .service(post(
            "/v1/policy/explain",
            "explain-policy",
            web::post().to(internal::explain::explain),
        ))
        .service(get(
            "/v1/denials",
            "list-denials",
            get_or_head().to(internal::denials::list),
        ))
        .service(
            named("/v1/denials/{denial_id}", "denial")
                .route(web::put().to(internal::denials::put))
                .route(get_or_head().to(internal::denials::read))
                .route(web::delete().to(internal::denials::lift))
                .default_service(web::to(|| only("GET, HEAD, PUT, DELETE"))),
        );
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

fn get(path: &str, name: &'static str, route: actix_web::Route) -> Resource {
    named(path, name)
        .route(route)
        .default_service(web::to(|| only("GET, HEAD")))
}

fn post(path: &str, name: &'static str, route: actix_web::Route) -> Resource {
    named(path, name)
        .route(route)
        .default_service(web::to(|| only("POST")))
}

fn named(path: &str, name: &'static str) -> Resource {
    web::resource(path).name(name).app_data(RouteName(name))
}

/// What a request finds on its way through a route.
#[derive(Debug, Clone, Copy)]
struct RouteName(&'static str);

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

/// The name of a request's route in metrics and logs: a word of this program, never of the caller's.
pub fn name_of(request: &HttpRequest) -> &'static str {
    if let Some(RouteName(name)) = request.app_data() {
        return name;
    }
    // A layer answered before any route, a preflight for one.
    let Some(matched) = request.match_name() else {
        return if leads_to_gateway(request) {
            "gateway"
        } else {
            "none"
        };
    };
    let named = PUBLIC
        .iter()
        .chain(INTERNAL)
        .chain(OPS)
        .find(|(_, _, name)| *name == matched);
    named.map_or("none", |(_, _, name)| name)
}

/// Whether a request would come to the gateway, whose paths are a scope, which has no name.
fn leads_to_gateway(request: &HttpRequest) -> bool {
    let below = request.path().strip_prefix(BASE_PATH);
    let is_internal = request.app_data::<web::Data<InternalState>>().is_some();
    is_internal && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
