//! From a method and a path to an operation. Paths are read once, strictly: whatever two readers
//! of a path could read differently is refused.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{BASE_PATH, Method, Operation};

/// The longest decoded segment: no name or id is longer, and `callId` is the caller's to choose.
const SEGMENT_BYTES_MAX: usize = 256;
/// No operation's path has more segments after the base.
const SEGMENTS_MAX: usize = 8;

/// Why a path is refused before anything is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// `.` and `..`, however they are written.
    #[error("a segment of dots")]
    Dots,
    /// An empty segment before the end.
    #[error("an empty segment")]
    Empty,
    /// A slash, a backslash, a percent sign, a control character or what is not text in a
    /// segment, after decoding it once.
    #[error("a character that no name or id has")]
    Character,
    /// Longer than any path of an operation.
    #[error("too many segments, or too long ones")]
    TooLong,
}

/// Why a path leads to no operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoMatch {
    /// Nothing is at this path.
    Path,
    /// Something is, but not with this method. What is offered, for `Allow`.
    Method {
        /// The methods, in the order of the catalogue.
        allowed: Vec<Method>,
    },
}

/// An operation, and what its path's parameters are, decoded and in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The operation.
    pub operation: &'static Operation,
    /// The values of the segments in braces.
    pub parameters: Vec<String>,
}

/// All paths of the catalogue, those with literal segments before those with parameters.
#[derive(Debug)]
pub struct Routes(Vec<Route>);

#[derive(Debug)]
struct Route {
    template: Vec<&'static str>,
    operations: Vec<&'static Operation>,
}

impl Default for Routes {
    fn default() -> Self {
        let mut routes: Vec<Route> = Vec::new();
        for operation in Operation::all() {
            let template: Vec<_> = operation.path.split('/').skip(1).collect();
            match routes.iter_mut().find(|route| route.template == template) {
                Some(route) => route.operations.push(operation),
                None => routes.push(Route {
                    template,
                    operations: vec![operation],
                }),
            }
        }
        // At the first segment that differs, the literal one wins.
        routes.sort_by_cached_key(|route| {
            let parts = route.template.iter();
            parts.map(|part| is_parameter(part)).collect::<Vec<_>>()
        });
        Self(routes)
    }
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

impl Routes {
    /// The segments of a path as it was sent, after [`BASE_PATH`]; one slash at the end is no
    /// segment.
    ///
    /// # Errors
    /// [`PathFault`] for whatever could be read in two ways.
    pub fn segments(path: &str) -> Result<Vec<Cow<'_, str>>, PathFault> {
        let path = path.strip_prefix(BASE_PATH).ok_or(PathFault::Character)?;
        let path = path.strip_suffix('/').unwrap_or(path);
        if path.is_empty() {
            return Ok(Vec::new());
        }
        let path = path.strip_prefix('/').ok_or(PathFault::Character)?;
        let mut segments = Vec::new();
        for raw in path.split('/') {
            if segments.len() == SEGMENTS_MAX || raw.len() > SEGMENT_BYTES_MAX * 3 {
                return Err(PathFault::TooLong);
            }
            segments.push(segment(raw)?);
        }
        Ok(segments)
    }

    /// Upstream's id or name of the room in a path that led to this operation; nothing is copied
    /// where nothing is encoded.
    pub fn room_of<'a>(path: &'a str, operation: &Operation) -> Option<Cow<'a, str>> {
        let path = path.strip_prefix(BASE_PATH)?.strip_prefix("/rooms/")?;
        let raw = path.split('/').next().filter(|_| operation.has_room())?;
        segment(raw).ok()
    }

    /// The operation for a method and a path's segments.
    ///
    /// # Errors
    /// [`NoMatch`] when there is none.
    pub fn find(&self, method: &str, segments: &[Cow<'_, str>]) -> Result<Matched, NoMatch> {
        let route = self.0.iter().find(|route| route.matches(segments));
        let Some(route) = route else {
            return Err(NoMatch::Path);
        };
        let of_method = |operation: &&&Operation| operation.method.as_str() == method;
        let Some(operation) = route.operations.iter().find(of_method) else {
            let allowed = route.operations.iter().map(|operation| operation.method);
            return Err(NoMatch::Method {
                allowed: allowed.collect(),
            });
        };
        let pairs = route.template.iter().zip(segments);
        let parameters = pairs
            .filter(|(part, _)| is_parameter(part))
            .map(|(_, segment)| segment.to_string());
        Ok(Matched {
            operation,
            parameters: parameters.collect(),
        })
    }
}

impl Route {
    fn matches(&self, segments: &[Cow<'_, str>]) -> bool {
        self.template.len() == segments.len()
            && self
                .template
                .iter()
                .zip(segments)
                .all(|(part, segment)| is_parameter(part) || part == segment)
    }
}

/// One segment, decoded once.
fn segment(raw: &str) -> Result<Cow<'_, str>, PathFault> {
    if raw.is_empty() {
        return Err(PathFault::Empty);
    }
    let malformed = raw.split('%').skip(1).any(|escape| {
        let digits = escape.bytes().take(2);
        digits.filter(u8::is_ascii_hexdigit).count() < 2
    });
    let decoded = percent_decode_str(raw).decode_utf8();
    let Ok(text) = decoded else {
        return Err(PathFault::Character);
    };
    // A percent sign that is left was encoded twice; a semicolon begins parameters for some.
    let forbidden = |c: char| c.is_control() || matches!(c, '/' | '\\' | '%' | '?' | '#' | ';');
    if malformed || text.chars().any(forbidden) {
        return Err(PathFault::Character);
    }
    if text.bytes().all(|byte| byte == b'.') {
        return Err(PathFault::Dots);
    }
    if text.len() > SEGMENT_BYTES_MAX {
        return Err(PathFault::TooLong);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: &str, path: &str) -> Result<Matched, NoMatch> {
        Routes::default().find(method, &Routes::segments(path).unwrap())
    }

    #[test]
    fn every_operation_is_found_by_its_own_path() {
        for operation in Operation::all() {
            let path = format!("{BASE_PATH}{}", operation.path.replace(['{', '}'], ""));
            for path in [path.clone(), path + "/"] {
                let found = find(operation.method.as_str(), &path).unwrap();
                assert_eq!(found.operation.id, operation.id);
                let parameters = operation.path.matches('{').count();
                assert_eq!(found.parameters.len(), parameters, "{path}");
            }
        }
    }

    #[test]
    fn literal_segments_win_over_parameters() {
        for (method, path, id) in [
            ("GET", "/rooms/live", "list_live_rooms"),
            (
                "GET",
                "/rooms/live/participants",
                "list_live_rooms_participants",
            ),
            ("GET", "/rooms/x/participants", "list_room_participants"),
            ("DELETE", "/rooms/tags", "delete_rooms_by_tag_legacy"),
            ("GET", "/rooms/x/polls/export", "export_polls"),
            ("POST", "/rooms/x/quizzes/import", "import_quizzes"),
            ("GET", "/recordings/archived", "list_archived_recordings"),
        ] {
            assert_eq!(
                find(method, &format!("{BASE_PATH}{path}"))
                    .unwrap()
                    .operation
                    .id,
                id
            );
        }
        let allowed = vec![Method::Get];
        let live = find("DELETE", "/api/v1/rooms/live");
        assert_eq!(live, Err(NoMatch::Method { allowed }));
        assert_eq!(find("GET", "/api/v1/zoom"), Err(NoMatch::Path));
        assert_eq!(
            find("GET", "/api/v1/rooms/x/breakout-rooms"),
            Err(NoMatch::Path)
        );
    }

    #[test]
    fn whatever_could_be_read_in_two_ways_is_refused() {
        for path in [
            "/rooms/..",
            "/rooms/.",
            "/rooms/%2e%2e",
            "/rooms/%2E",
            "/rooms/...",
            "/rooms//chat",
            "//rooms",
            "/rooms/a%2fb",
            "/rooms/a%2Fb",
            "/rooms/a%5cb",
            "/rooms/a\\b",
            "/rooms/a%00",
            "/rooms/a%0d%0a",
            "/rooms/%252e%252e",
            "/rooms/a%252fb",
            "/rooms/%ff",
            "/rooms/%",
            "/rooms/%2",
            "/rooms/%zz",
            "/rooms/a;b",
            "/rooms/a%3fb",
            "/rooms/a%23",
            "/rooms/%7f",
            "/rooms/x//",
            "x",
        ] {
            assert!(
                Routes::segments(&format!("{BASE_PATH}{path}")).is_err(),
                "{path}"
            );
        }
        let long = "a".repeat(257);
        let deep = "/a".repeat(9);
        for path in [format!("/rooms/{long}"), deep] {
            let path = format!("{BASE_PATH}{path}");
            assert_eq!(Routes::segments(&path), Err(PathFault::TooLong));
        }
        let read = Routes::segments("/api/v1/rooms/caf%C3%A9%20x").unwrap();
        assert_eq!(read, ["rooms", "café x"]);
    }

    #[test]
    fn the_room_of_a_path_is_the_one_that_its_operation_is_about() {
        for (id, path, room) in [
            ("get_room", "/rooms/x", Some("x")),
            ("get_room", "/rooms/x/", Some("x")),
            ("get_room", "/rooms/caf%C3%A9%20x", Some("café x")),
            ("get_poll", "/rooms/x/polls/y", Some("x")),
            ("list_rooms", "/rooms", None),
            ("list_live_rooms", "/rooms/live", None),
            ("get_recording", "/recordings/x", None),
        ] {
            let operation = Operation::named(id).unwrap();
            let path = format!("{BASE_PATH}{path}");
            assert_eq!(Routes::room_of(&path, operation).as_deref(), room, "{path}");
        }
    }
}
