//! Links to stored files: they need no credential, so they are signed and end.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::areas::libraries;
use super::team::Team;
use crate::clock::UnixTime;
use crate::simulator::exchange::{Call, Reply};

impl Team {
    /// A link that is good until then.
    pub(super) fn file_link(&self, id: &str, until: UnixTime) -> String {
        let (base, until) = (self.rooms_base(), until.seconds());
        let signature = self.file_signature(id, until);
        format!("{base}/files/{id}?until={until}&signature={signature}")
    }

    /// What a link leads to: a library's file, or a recording, of which no more is simulated than
    /// that there is one.
    pub(super) fn file(&self, id: &str, call: &Call) -> Reply {
        let until = call.query("until").and_then(|text| text.parse().ok());
        let is_good = until.is_some_and(|until| {
            self.clock.now().seconds() < until
                && call.query("signature") == Some(&self.file_signature(id, until))
        });
        if !is_good {
            return Reply::empty(403);
        }
        match libraries::content(self, id) {
            // Never a type that a browser would run: the bytes are a stranger's.
            Some(content) => Reply::new(200, "application/octet-stream", content.to_vec())
                .with_header("x-content-type-options", "nosniff"),
            None => Reply::new(200, "video/mp4", id.as_bytes().to_vec()),
        }
    }

    fn file_signature(&self, id: &str, until: u64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.developer_key.as_bytes());
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, format!("{id}.{until}").as_bytes()))
    }
}
