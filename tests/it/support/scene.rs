//! Scenes that several topics need: a policy that admits anybody, rooms that somebody else made,
//! callers in crowds, a look at the metrics.

use room_broker::simulator::digital_samba::RoomFacts;
use room_broker::simulator::identity_provider::User;
use serde_json::{Value, json};

use super::{Answer, TestApp};

/// Everybody moderates every room and may create it.
pub(crate) const OPEN_POLICY: &str = r#"
[[policy.rules]]
name = "everybody moderates"
room = "*"
role = "moderator"
may_create = true
"#;

/// The settings of a room as the broker would have created it.
pub(crate) fn room_of(key: &str) -> Value {
    json!({
        "friendly_url": key, "external_id": key, "privacy": "private",
        "roles": ["moderator", "attendee"], "default_role": "attendee",
    })
}

impl TestApp {
    /// Puts a room there that the broker has not seen yet.
    pub(crate) fn put_room(&self, key: &str) -> RoomFacts {
        self.put_room_with(key, &json!({}))
    }

    /// The same with settings replaced; null leaves one out.
    pub(crate) fn put_room_with(&self, key: &str, change: &Value) -> RoomFacts {
        let mut settings = room_of(key);
        for (name, value) in change.as_object().unwrap() {
            settings[name] = value.clone();
        }
        settings
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        self.upstream.create_room(&settings).unwrap()
    }

    /// How often upstream was called so far.
    pub(crate) fn upstream_calls(&self) -> u64 {
        self.upstream.controls().count("*").calls
    }

    /// How often one operation of upstream was called so far.
    pub(crate) fn calls(&self, operation: &str) -> u64 {
        self.upstream.controls().count(operation).calls
    }

    /// Starts so many joins at once.
    pub(crate) fn crowd(
        &self,
        token: &str,
        room: &str,
        size: usize,
    ) -> Vec<tokio::task::JoinHandle<Answer>> {
        (0..size)
            .map(|_| {
                let request = self.http.post(self.join_url(room)).bearer_auth(token);
                tokio::spawn(async move { Answer::of(request.send().await.unwrap()).await })
            })
            .collect()
    }

    /// `GET /v1/rooms/{room}`.
    pub(crate) async fn read_room(&self, user: User, room: &str) -> Answer {
        let url = format!("{}/v1/rooms/{room}", self.public);
        self.answer(self.http.get(url).bearer_auth(self.token(user)))
            .await
    }

    /// The exposition of all metrics.
    pub(crate) async fn metrics(&self) -> String {
        self.answer(self.http.get(format!("{}/metrics", self.ops)))
            .await
            .text
    }

    /// The value of one metric, written as in the exposition; 0 if it is not there.
    pub(crate) async fn metric(&self, series: &str) -> u64 {
        value_of(&self.metrics().await, series)
    }
}

/// The value of one series in an exposition; 0 if it is not there.
pub(crate) fn value_of(exposition: &str, series: &str) -> u64 {
    exposition
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
        .map_or(0, |value| value.parse().unwrap())
}
