//! The service's own description: for programs, and for people.

use actix_web::HttpResponse;
use actix_web::http::header;

const OPENAPI: &str = include_str!("../../openapi.yaml");
const INTERNAL_OPENAPI: &str = include_str!("../../openapi-internal.yaml");
const DOCS: &str = include_str!("docs.html");

/// `GET /openapi.yaml` of the public listener.
pub(super) async fn openapi() -> HttpResponse {
    yaml(OPENAPI)
}

/// `GET /openapi.yaml` of the internal listener: a description of its own, since the two listeners
/// answer some paths with different things.
pub(super) async fn internal_openapi() -> HttpResponse {
    yaml(INTERNAL_OPENAPI)
}

fn yaml(text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .content_type("application/yaml")
        .body(text)
}

/// `GET /docs`: the same for people, on one page that loads nothing from elsewhere.
pub(super) async fn docs() -> HttpResponse {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'";
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .content_type("text/html; charset=utf-8")
        .body(DOCS)
}
