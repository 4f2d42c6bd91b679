//! Reads a request's body within a limit of bytes and of time, and JSON out of it with the member
//! at fault named.

use std::fmt;
use std::marker::PhantomData;

use actix_web::http::header;
use actix_web::{HttpRequest, web};
use futures_util::StreamExt as _;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::domain::is_unsafe_in_text;

use super::problem::{Code, Problem};
use super::state::BodyLimits;

/// The longest name of a member that a problem repeats.
const MEMBER_CHARS_MAX: usize = 64;

/// The whole body, empty if there is none.
pub(super) async fn read_body(
    request: &HttpRequest,
    mut payload: web::Payload,
    parameters: &BodyLimits,
) -> Result<web::BytesMut, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    if !chunked && length.is_none_or(|length| length.as_bytes() == b"0") {
        return Ok(web::BytesMut::new());
    }
    let too_large = || {
        Problem::new(Code::PayloadTooLarge)
            .detail(format!("At most {} bytes.", parameters.body_bytes_max))
    };
    let announced = length
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > parameters.body_bytes_max) {
        return Err(too_large());
    }
    let read = async {
        let mut body = web::BytesMut::with_capacity(announced.unwrap_or(512));
        while let Some(chunk) = payload.next().await {
            let chunk =
                chunk.map_err(|error| Problem::new(Code::BadRequest).because(error.to_string()))?;
            if body.len().saturating_add(chunk.len()) > parameters.body_bytes_max {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    // Boxed: most requests have no body to wait for.
    match Box::pin(tokio::time::timeout(parameters.body_timeout, read)).await {
        Ok(read) => read,
        Err(_elapsed) => Err(Problem::new(Code::BodyTimeout)),
    }
}

/// A part of a body that is a JSON object: serde alone would take a list for its members, too.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
}

/// JSON of a body that must be there.
pub(super) fn json<T: DeserializeOwned + Default>(
    request: &HttpRequest,
    body: &[u8],
) -> Result<T, Problem> {
    if body.is_empty() {
        return Err(not_an_object());
    }
    json_or_default(request, body)
}

/// JSON of a body, or its default if the body is empty.
pub(super) fn json_or_default<T: DeserializeOwned + Default>(
    request: &HttpRequest,
    body: &[u8],
) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    if !is_json(request) {
        return Err(
            Problem::new(Code::UnsupportedMediaType).detail("Send Content-Type: application/json.")
        );
    }
    if !body.trim_ascii_start().starts_with(b"{") {
        // serde would take a list for the members in their order.
        return Err(match serde_json::from_slice::<IgnoredAny>(body) {
            Ok(_not_an_object) => not_an_object(),
            Err(error) => fault_of::<T>(body, &error),
        });
    }
    serde_json::from_slice(body).map_err(|error| fault_of::<T>(body, &error))
}

fn not_an_object() -> Problem {
    Problem::new(Code::InvalidField).detail("The body must be a JSON object.")
}

pub(super) fn is_json(request: &HttpRequest) -> bool {
    let Some(Ok(text)) = request
        .headers()
        .get(header::CONTENT_TYPE)
        .map(header::HeaderValue::to_str)
    else {
        return false;
    };
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Reads the body once more, to say which member is at fault.
fn fault_of<T: DeserializeOwned>(body: &[u8], error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        return Problem::new(Code::MalformedJson).detail(format!(
            "Not JSON at line {}, column {}.",
            error.line(),
            error.column()
        ));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let path = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => member_name(&error.path().to_string()),
        Ok(_) => String::new(),
    };
    let text = error.to_string();
    if text.starts_with("unknown field") {
        return Problem::new(Code::UnknownMember).member(path);
    }
    if let Some(twice) = text.strip_prefix("duplicate field `") {
        // A name of ours: only known members can be there twice.
        let name = twice.split('`').next().unwrap_or_default();
        return Problem::new(Code::InvalidField)
            .member(member_name(name))
            .detail("The member is there twice.");
    }
    let detail = if path.is_empty() || path == "." {
        return not_an_object();
    } else {
        "The member has a value of the wrong type."
    };
    Problem::new(Code::InvalidField).member(path).detail(detail)
}

/// A member's name that is safe to repeat.
fn member_name(text: &str) -> String {
    text.chars()
        .filter(|c| !is_unsafe_in_text(*c))
        .take(MEMBER_CHARS_MAX)
        .collect()
}
