//! JSON composed straight into bytes, where answers are many or large.

/// JSON under construction.
pub(super) struct Json(Vec<u8>);

impl Json {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(super) fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A member whose text has no character that JSON escapes.
    pub(super) fn plain(&mut self, member: &str, text: &str) {
        debug_assert!(
            text.bytes()
                .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\'),
            "{text}"
        );
        self.raw(member);
        self.raw("\"");
        self.raw(text);
        self.raw("\"");
    }

    /// A member with any text.
    pub(super) fn text(&mut self, member: &str, text: &str) {
        self.raw(member);
        // Writing into memory does not fail.
        let _written = serde_json::to_writer(&mut self.0, text);
    }

    pub(super) fn number(&mut self, member: &str, number: u64) {
        self.raw(member);
        let _written = serde_json::to_writer(&mut self.0, &number);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}
