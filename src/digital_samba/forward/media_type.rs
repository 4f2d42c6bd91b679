//! What an answer calls its body.

use reqwest::header::{CONTENT_TYPE, HeaderMap};

fn essence(headers: &HeaderMap) -> Option<&str> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    kind.split(';').next().map(str::trim)
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    essence(headers).is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
}

pub(super) fn is_html(headers: &HeaderMap) -> bool {
    essence(headers).is_some_and(|kind| {
        kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
    })
}
