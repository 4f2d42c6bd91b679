//! One exchange as the simulated services see it: a call that came in and the reply to it.
//! Knows no sockets.

use std::convert::Infallible;
use std::future::ready;

use actix_web::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName};
use actix_web::web::Bytes;
use futures_util::{FutureExt as _, stream};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::{Map, Value};

/// A request, taken apart.
pub(super) struct Call {
    pub(super) method: String,
    pub(super) segments: Vec<String>,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    /// Takes a request apart; `None` when its path is not text after percent-decoding.
    pub(super) fn new(request: &actix_web::HttpRequest, body: Bytes) -> Option<Self> {
        let segments = request
            .uri()
            .path()
            .trim_start_matches('/')
            .trim_end_matches('/')
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| {
                let text = percent_decode_str(segment).decode_utf8().ok()?;
                Some(text.into_owned())
            })
            .collect::<Option<Vec<_>>>()?;
        let query = url::form_urlencoded::parse(request.query_string().as_bytes());
        Some(Self {
            method: request.method().as_str().to_owned(),
            segments,
            query: query.into_owned().collect(),
            headers: request.headers().clone(),
            body,
        })
    }

    /// The path, cut into decoded segments, to match on.
    pub(super) fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// A query parameter; the last one wins.
    pub(super) fn query<'c>(&'c self, name: &'c str) -> Option<&'c str> {
        self.query_all(name).last()
    }

    /// Every value of a query parameter, also written `name[]`.
    pub(super) fn query_all<'c>(&'c self, name: &'c str) -> impl Iterator<Item = &'c str> {
        self.query.iter().filter_map(move |(key, value)| {
            (key.strip_suffix("[]").unwrap_or(key) == name).then_some(value.as_str())
        })
    }

    pub(super) fn authorization(&self) -> Option<&str> {
        self.header(&AUTHORIZATION)
    }

    /// Whether an error may be told in JSON: only to who asks for it.
    pub(super) fn accepts_json(&self) -> bool {
        self.header(&ACCEPT)
            .is_some_and(|accept| accept.contains("/json") || accept.contains("+json"))
    }

    pub(super) fn is_json(&self) -> bool {
        self.header(&CONTENT_TYPE)
            .is_some_and(|kind| kind.starts_with("application/json"))
    }

    /// The JSON object in the body: empty when there is none or it is not called JSON.
    pub(super) fn object(&self) -> Result<Map<String, Value>, serde_json::Error> {
        if self.body.is_empty() || !self.is_json() {
            return Ok(Map::new());
        }
        serde_json::from_slice(&self.body)
    }

    /// The body as it came.
    pub(super) fn body(&self) -> &Bytes {
        &self.body
    }

    /// The JSON array in the body.
    pub(super) fn list(&self) -> Result<Vec<Value>, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// The fields of a form in the body.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body)
            .into_owned()
            .collect()
    }

    /// The file under this name in a `multipart/form-data` body. A form that cannot be read has none.
    pub(super) fn upload(&self, field: &str) -> Option<Upload> {
        let boundary = multer::parse_boundary(self.header(&CONTENT_TYPE)?).ok()?;
        let body = stream::once(ready(Ok::<_, Infallible>(self.body.clone())));
        let mut form = multer::Multipart::new(body, boundary);
        let found = async {
            while let Some(part) = form.next_field().await.ok()? {
                let name = part.file_name().map(str::to_owned);
                if let (Some(name), true) = (name, part.name() == Some(field)) {
                    let content = part.bytes().await.ok()?;
                    return Some(Upload { name, content });
                }
            }
            None
        };
        // The whole body is here: there is nothing to wait for.
        found.now_or_never().flatten()
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A file that came in a form.
pub(super) struct Upload {
    pub(super) name: String,
    pub(super) content: Bytes,
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self::new(status, "application/json", body)
    }

    pub(super) fn html(status: u16, body: String) -> Self {
        Self::new(status, "text/html; charset=utf-8", body.into_bytes())
    }

    pub(super) fn empty(status: u16) -> Self {
        Self::new(status, "", Vec::new())
    }

    pub(super) fn new(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type: content_type.to_owned(),
            headers: Vec::new(),
            body,
        }
    }

    pub(super) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// Text that is safe between tags and in quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
