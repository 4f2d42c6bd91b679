//! The gateway's operations as an `OpenAPI` document, made of the catalogue: what it says is what is
//! offered.

use std::sync::OnceLock;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde_json::{Map, Value, json};

use crate::digital_samba::{Answer, BASE_PATH, Body, Operation};
use crate::gateway::is_offered;

use super::gateway::REFERENCE;

/// The document, made when it is first asked for: most processes never are.
#[derive(Debug, Default)]
pub struct GatewayDescription(OnceLock<web::Bytes>);

/// `GET /openapi-digital-samba.json`.
pub(in crate::http) async fn read(description: web::Data<GatewayDescription>) -> HttpResponse {
    let made = || web::Bytes::from(document().to_string());
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .body(description.0.get_or_init(made).clone())
}

fn document() -> Value {
    let mut paths = Map::new();
    for operation in Operation::all() {
        let path = format!("{BASE_PATH}{}", operation.path);
        let item = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            let method = operation.method.as_str().to_ascii_lowercase();
            item.insert(method, described(operation));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "room-broker: the drop-in gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The API of Digital Samba for product backends: a broker API key in the place of the developer key, each operation behind the scope in `x-scope`. Bodies and answers are those of the upstream API.",
        },
        "security": [{ "bearer": [] }, { "basic": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "basic": { "type": "http", "scheme": "basic", "description": "Team id and API key." },
            },
            "schemas": {
                "Problem": {
                    "type": "object",
                    "required": ["type", "title", "status", "code"],
                    "properties": {
                        "type": { "type": "string" },
                        "title": { "type": "string" },
                        "status": { "type": "integer" },
                        "code": { "type": "string" },
                        "detail": { "type": "string" },
                    },
                },
                "Page": {
                    "type": "object",
                    "required": ["data"],
                    "properties": {
                        "total_count": { "type": "integer" },
                        "data": { "type": "array", "items": { "type": "object" } },
                    },
                },
            },
        },
    })
}

fn described(operation: &Operation) -> Value {
    let (status, answer) = answer(operation);
    let described = json!({
        "operationId": operation.id,
        "summary": operation.id.replace('_', " "),
        "tags": [operation.scope.area()],
        "x-scope": operation.scope.as_str(),
        "x-destructive": operation.destructive,
        "parameters": parameters(operation),
        "responses": {
            (status): answer,
            "4XX": { "description": "What upstream says is wrong, as it says it; or a problem of the gateway (RFC 9457)." },
            "5XX": { "description": "A problem (RFC 9457): upstream failed, or the gateway." },
        },
    });
    let more = [
        ("requestBody", body(operation)),
        (
            "deprecated",
            operation.replaced_by.map(|_instead| json!(true)),
        ),
        ("x-replaced-by", operation.replaced_by.map(Value::from)),
    ];
    let more = more.into_iter();
    let more = more.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let members = described.as_object().cloned().unwrap_or_default();
    Value::Object(members.into_iter().chain(more).collect())
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let text = json!({ "type": "string" });
    let in_path = operation.path.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({ "name": name, "in": "path", "required": true, "schema": text }))
    });
    let in_body = operation.body_in_query().iter().copied();
    let in_query = operation.query().chain(in_body).map(|name| {
        // Some are both documented in the query and taken from there into the body.
        json!({ "name": name, "in": "query", "schema": text })
    });
    let in_header = json!({
        "name": REFERENCE.as_str(),
        "in": "header",
        "description": "`1.1` asks for the older reference's names in answers, beside today's.",
        "schema": text,
    });
    let parameters = in_path.chain(in_query).chain([in_header]);
    let mut parameters: Vec<Value> = parameters.collect();
    parameters.dedup();
    parameters
}

fn body(operation: &Operation) -> Option<Value> {
    let kind = operation.body.content_type()?;
    let schema = match operation.body {
        Body::Nothing => return None,
        Body::Json => json!({}),
        Body::Multipart => json!({
            "type": "object",
            "required": ["file"],
            "properties": { "file": { "type": "string", "format": "binary" } },
        }),
    };
    Some(json!({ "content": { (kind): { "schema": schema } } }))
}

/// The answer to be expected, and its status.
fn answer(operation: &Operation) -> (String, Value) {
    if !is_offered(operation) {
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        let answer = json!({
            "description": "Not implemented: upstream no longer has it. The problem names the operation that took its place.",
            "content": { "application/problem+json": { "schema": schema } },
        });
        return ("501".to_owned(), answer);
    }
    (operation.status().to_string(), success(operation))
}

fn success(operation: &Operation) -> Value {
    let schema = match operation.answer {
        Answer::Page => json!({ "$ref": "#/components/schemas/Page" }),
        Answer::Object => json!({ "type": "object" }),
        Answer::Array => json!({ "type": "array" }),
        Answer::Text | Answer::Export | Answer::Template => json!({ "type": "string" }),
        Answer::Empty => return json!({ "description": "Done, or accepted; without a body." }),
    };
    let kind = operation.answer.content_type().unwrap_or_default();
    json!({ "description": "As upstream answers.", "content": { (kind): { "schema": schema } } })
}
