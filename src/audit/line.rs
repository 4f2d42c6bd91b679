//! Lines of the audit log, composed byte by byte: no value tree, no formatting machinery, and
//! nothing that a value could forge, split or colour a line with.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Datelike, Timelike};

use crate::clock::UnixTime;
use crate::domain::is_unsafe_in_text;

use super::{MintRecord, Person, RefusalRecord, ServiceRecord};

/// What a line of ordinary names needs.
const CAPACITY: usize = 512;
/// 128 bits of a person's pseudonym: two people share one by chance among 2^64.
const PSEUDONYM_BYTES: usize = 16;
/// 64 bits of a token's hash: enough to find one token's line, too few to say anything of it.
const TOKEN_HASH_BYTES: usize = 8;

/// The line of a minted token.
pub(super) fn minted(record: &MintRecord<'_>) -> Vec<u8> {
    let mut line = Line::new("mint", record.time);
    line.person(record.who);
    line.text(r#","room":"#, record.room_key.as_str());
    line.uuid(r#","room_id":"#, record.room_id.as_uuid());
    line.text(r#","role":"#, record.role.as_str());
    line.text(r#","rule":"#, record.rule);
    line.hex(r#","token_hash":"#, &token_hash(record.token));
    line.time(r#","expires_at":"#, record.expires_at);
    line.uuid(r#","request_id":"#, record.request_id.as_uuid());
    line.end()
}

/// The line of a refusal.
pub(super) fn refused(record: &RefusalRecord<'_>) -> Vec<u8> {
    let mut line = Line::new("refused", record.time);
    line.person(record.who);
    line.text(r#","room":"#, record.room_key.as_str());
    if let Some(role) = record.requested_role {
        line.text(r#","role":"#, role.as_str());
    }
    if let Some(rule) = record.rule {
        line.text(r#","rule":"#, rule);
    }
    line.text(r#","reason":"#, record.reason);
    line.uuid(r#","request_id":"#, record.request_id.as_uuid());
    line.end()
}

/// The line of a product backend's call.
pub(super) fn service_called(record: &ServiceRecord<'_>) -> Vec<u8> {
    let mut line = Line::new("service", record.time);
    line.text(r#","kind":"#, record.kind);
    line.text(r#","id":"#, record.id);
    line.text(r#","name":"#, record.name);
    line.text(r#","operation":"#, record.operation);
    if let Some(room_key) = record.room_key {
        line.text(r#","room":"#, room_key.as_str());
    }
    if let Some(name) = record.upstream_room {
        line.text(r#","upstream_room":"#, name);
    }
    if let Some(person) = record.on_behalf_of {
        let hash: [u8; PSEUDONYM_BYTES] = beginning_of_hash(person.as_str().as_bytes());
        line.hex(r#","on_behalf_of_hash":"#, &hash);
    }
    if let Some(items) = record.items {
        line.0.extend_from_slice(br#","items":"#);
        line.0.extend_from_slice(items.to_string().as_bytes());
    }
    line.text(r#","outcome":"#, record.outcome);
    line.uuid(r#","request_id":"#, record.request_id.as_uuid());
    line.end()
}

/// The line that stands where lines are missing.
pub(super) fn dropped(time: UnixTime, lines: u64) -> Vec<u8> {
    let mut line = Line::new("dropped", time);
    line.0.extend_from_slice(br#","lines":"#);
    line.0.extend_from_slice(lines.to_string().as_bytes());
    line.end()
}

/// The person's pseudonym: SHA-256 of the issuer's identifier, a NUL and the subject. A subject
/// holds no NUL, so no two people share the input.
fn pseudonym(who: Person<'_>) -> [u8; PSEUDONYM_BYTES] {
    let mut input = Vec::with_capacity(who.issuer.len() + 1 + who.subject.as_str().len());
    input.extend_from_slice(who.issuer.as_bytes());
    input.push(0);
    input.extend_from_slice(who.subject.as_str().as_bytes());
    beginning_of_hash(&input)
}

/// What names one token in the log: SHA-256 of its signature, the part behind the last dot, which
/// covers all the rest. `printf %s "${TOKEN##*.}" | sha256sum | cut -c-16` gives the same.
pub(super) fn token_hash(token: &str) -> [u8; TOKEN_HASH_BYTES] {
    let signature = token.rsplit_once('.').map_or(token, |(_, last)| last);
    beginning_of_hash(signature.as_bytes())
}

fn beginning_of_hash<const N: usize>(input: &[u8]) -> [u8; N] {
    let hash = digest(&SHA256, input);
    let mut beginning = [0; N];
    for (to, from) in beginning.iter_mut().zip(hash.as_ref()) {
        *to = *from;
    }
    beginning
}

/// A line under construction. Each member's name comes with its punctuation, so that it is one
/// copy: `,"room":`.
struct Line(Vec<u8>);

impl Line {
    fn new(event: &str, time: UnixTime) -> Self {
        let mut line = Self(Vec::with_capacity(CAPACITY));
        line.time(r#"{"time":"#, time);
        line.text(r#","event":"#, event);
        line
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"}\n");
        self.0
    }

    fn person(&mut self, who: Person<'_>) {
        self.text(r#","issuer":"#, who.issuer_name);
        self.hex(r#","subject_hash":"#, &pseudonym(who));
    }

    fn text(&mut self, key: &'static str, text: &str) {
        self.open(key);
        let plain = |b: u8| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\';
        if text.bytes().all(plain) {
            self.0.extend_from_slice(text.as_bytes());
        } else {
            self.escaped(text);
        }
        self.0.push(b'"');
    }

    fn open(&mut self, key: &'static str) {
        self.0.extend_from_slice(key.as_bytes());
        self.0.push(b'"');
    }

    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '"' => self.0.extend_from_slice(b"\\\""),
                '\\' => self.0.extend_from_slice(b"\\\\"),
                c if is_unsafe_in_text(c) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        self.0.extend_from_slice(b"\\u");
                        for byte in unit.to_be_bytes() {
                            self.hex_byte(byte);
                        }
                    }
                }
                c => self
                    .0
                    .extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }

    fn hex(&mut self, key: &'static str, bytes: &[u8]) {
        self.open(key);
        for byte in bytes {
            self.hex_byte(*byte);
        }
        self.0.push(b'"');
    }

    fn hex_byte(&mut self, byte: u8) {
        let digit = |nibble: u8| match nibble {
            0..=9 => b'0' + nibble,
            _letter => b'a' + nibble - 10,
        };
        self.0
            .extend_from_slice(&[digit(byte >> 4), digit(byte & 0x0f)]);
    }

    fn uuid(&mut self, key: &'static str, uuid: &uuid::Uuid) {
        self.open(key);
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = uuid.as_hyphenated().encode_lower(&mut buffer);
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b'"');
    }

    /// A time as RFC 3339 writes it, in UTC, to the millisecond.
    fn time(&mut self, key: &'static str, time: UnixTime) {
        self.open(key);
        let millis = i64::try_from(time.millis()).ok();
        let time = millis.and_then(DateTime::from_timestamp_millis);
        // What is beyond four digits of years is the end of time.
        let time = time
            .map(|time| time.naive_utc())
            .filter(|time| time.year() <= 9999);
        if let Some(time) = time {
            let year = time.year().unsigned_abs();
            self.two_digits(year / 100, b"");
            self.two_digits(year % 100, b"-");
            self.two_digits(time.month(), b"-");
            self.two_digits(time.day(), b"T");
            self.two_digits(time.hour(), b":");
            self.two_digits(time.minute(), b":");
            self.two_digits(time.second(), b".");
            let millis = time.nanosecond() / 1_000_000 % 1000;
            self.two_digits(millis / 10, b"");
            self.0.push(decimal(millis));
            self.0.extend_from_slice(b"Z\"");
        } else {
            self.0.extend_from_slice(b"9999-12-31T23:59:59.999Z\"");
        }
    }

    fn two_digits(&mut self, number: u32, then: &[u8]) {
        self.0
            .extend_from_slice(&[decimal(number / 10), decimal(number)]);
        self.0.extend_from_slice(then);
    }
}

/// The last decimal digit.
fn decimal(number: u32) -> u8 {
    b'0' + u8::try_from(number % 10).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;
    use proptest::prelude::*;
    use serde_json::Value;

    use crate::domain::{RequestId, RoleName, RoomId, RoomKey, Subject};

    use super::*;

    const UUID: &str = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";

    fn mint(issuer_name: &str, rule: &str) -> String {
        let line = minted(&MintRecord {
            time: UnixTime::from_millis(1_800_000_000_042),
            who: Person {
                issuer_name,
                issuer: "https://id.acme.com",
                subject: &Subject::parse("u1").unwrap(),
            },
            room_key: &RoomKey::parse("course-101").unwrap(),
            room_id: RoomId::parse(UUID).unwrap(),
            role: &RoleName::parse("moderator").unwrap(),
            rule,
            token: "head.claims.signature",
            expires_at: UnixTime::from_seconds(1_800_007_200),
            request_id: RequestId::parse(UUID).unwrap(),
        });
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_mint_is_one_line_without_name_or_token() {
        assert_eq!(
            mint("acme", "teachers"),
            concat!(
                r#"{"time":"2027-01-15T08:00:00.042Z","event":"mint","issuer":"acme","#,
                r#""subject_hash":"3e89f029df81fcbc40de35cb4229ac54","room":"course-101","#,
                r#""room_id":"5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21","role":"moderator","rule":"teachers","#,
                r#""token_hash":"1a2fc26dc7ea5a2a","expires_at":"2027-01-15T10:00:00.000Z","#,
                r#""request_id":"5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_refusal_says_why_and_leaves_out_what_was_not() {
        let subject = Subject::parse("u1").unwrap();
        let room_key = RoomKey::parse("course-101").unwrap();
        let mut record = RefusalRecord {
            time: UnixTime::from_seconds(1_800_000_000),
            who: Person {
                issuer_name: "acme",
                issuer: "https://id.acme.com",
                subject: &subject,
            },
            room_key: &room_key,
            requested_role: None,
            rule: None,
            reason: "no-rule",
            request_id: RequestId::parse(UUID).unwrap(),
        };
        let beginning = concat!(
            r#"{"time":"2027-01-15T08:00:00.000Z","event":"refused","issuer":"acme","#,
            r#""subject_hash":"3e89f029df81fcbc40de35cb4229ac54","room":"course-101","#,
        );
        let end = concat!(
            r#""request_id":"5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21"}"#,
            "\n"
        );
        let line = String::from_utf8(refused(&record)).unwrap();
        assert_eq!(line, format!(r#"{beginning}"reason":"no-rule",{end}"#));

        let role = RoleName::parse("boss").unwrap();
        record.requested_role = Some(&role);
        record.rule = Some("teachers");
        record.reason = "role-not-allowed";
        let line = String::from_utf8(refused(&record)).unwrap();
        assert_eq!(
            line,
            format!(
                r#"{beginning}"role":"boss","rule":"teachers","reason":"role-not-allowed",{end}"#
            )
        );
    }

    #[test]
    fn two_issuers_with_the_same_subject_are_two_people() {
        let subject = Subject::parse("u1").unwrap();
        let person = |issuer| {
            pseudonym(Person {
                issuer_name: "acme",
                issuer,
                subject: &subject,
            })
        };
        assert_ne!(person("https://a"), person("https://b"));
        assert_eq!(person("https://a"), person("https://a"));
    }

    #[test]
    fn a_count_of_dropped_lines_is_written_in_full() {
        for count in [0, 1, 90, u64::MAX] {
            let line = String::from_utf8(dropped(UnixTime::from_seconds(0), count)).unwrap();
            let expected = r#"{"time":"1970-01-01T00:00:00.000Z","event":"dropped","lines":"#;
            assert_eq!(line, format!("{expected}{count}}}\n"));
        }
    }

    proptest! {
        #[test]
        fn no_text_can_forge_split_or_colour_a_line(rule in any::<String>(), evil in "[\u{0}-\u{1f}\u{7f}-\u{9f}\"\\\\\u{2028}\u{202e}\u{feff}\u{e0001}a]{0,12}") {
            for text in [rule, evil] {
                let line = mint(&text, &text);
                prop_assert!(line.strip_suffix('\n').is_some_and(|line| !line.chars().any(is_unsafe_in_text)));
                let value: Value = serde_json::from_str(&line).unwrap();
                prop_assert_eq!(value["rule"].as_str(), Some(text.as_str()));
                prop_assert_eq!(value["issuer"].as_str(), Some(text.as_str()));
                prop_assert_eq!(value.as_object().unwrap().len(), 11);
            }
        }

        #[test]
        fn times_are_as_rfc_3339_writes_them(millis in 0..253_402_300_800_000_u64) {
            let mut line = Line(Vec::new());
            line.time(r#""t":"#, UnixTime::from_millis(millis));
            let time = DateTime::from_timestamp_millis(i64::try_from(millis).unwrap()).unwrap();
            let expected = format!("\"t\":\"{}\"", time.to_rfc3339_opts(SecondsFormat::Millis, true));
            prop_assert_eq!(String::from_utf8(line.0).unwrap(), expected);
        }
    }
}
