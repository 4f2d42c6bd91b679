//! What was changed is read again by the very next caller.

use serde_json::json;

use super::*;
use crate::rooms::{Resources, SettingsChange};

fn roles(names: &[&str]) -> SettingsChange {
    let settings = json!({ "roles": names, "default_role": names[0] });
    let settings = settings.as_object().unwrap().clone();
    let catalogue = SettingsCatalogue::built_in();
    SettingsChange::check(settings, &RoomSettings::default(), &catalogue).unwrap()
}

impl House {
    async fn role(&self, room: &str) -> String {
        let found = self.resolve(room, false).await.unwrap();
        found.room.roles()[0].to_string()
    }
}

#[tokio::test]
async fn a_flight_that_read_the_room_before_a_change_teaches_nothing() {
    let house = house();
    house.upstream.put("course-101", |_| {});
    house.upstream.stand_still();
    let old = house.resolve_in_the_background("course-101", false).await;
    house.directory.outdate(&key("course-101"));
    house.upstream.go_on();
    old.await.unwrap().unwrap();
    assert!(house.directory.cached(&key("course-101")).is_none());
}

#[tokio::test]
async fn a_change_counts_even_if_its_caller_hangs_up() {
    let house = house();
    house.upstream.put("course-101", |_| {});
    assert_eq!(house.role("course-101").await, "attendee");
    let finds = house.upstream.calls().finds;
    house.upstream.stand_still();
    let (directory, templates) = (house.directory.clone(), Arc::clone(&house.templates));
    let caller = tokio::spawn(async move {
        let change = roles(&["speaker"]);
        directory
            .change(&key("course-101"), &templates, &change)
            .await
    });
    house.upstream.until(|calls| calls.finds == finds + 1).await;
    caller.abort();
    house.upstream.go_on();
    // Bounded: where nothing goes on in the caller's place, it fails and does not hang.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.role("course-101").await, "speaker");
}

#[tokio::test]
async fn a_changed_room_is_served_as_it_was_only_while_upstream_fails() {
    let house = house();
    house.upstream.put("course-101", |_| {});
    house.role("course-101").await;
    let change = roles(&["speaker"]);
    let changed = house
        .directory
        .change(&key("course-101"), &house.templates, &change)
        .await;
    assert_eq!(changed.unwrap().roles()[0].as_str(), "speaker");
    house.upstream.fail(Some(UNAVAILABLE));
    assert_eq!(house.role("course-101").await, "attendee");
    house.upstream.fail(None);
    house.time.advance(Duration::from_secs(5));
    assert_eq!(house.role("course-101").await, "speaker");
}

#[tokio::test]
async fn a_deleted_room_is_not_served_even_while_upstream_fails() {
    let house = house();
    house.upstream.put("course-101", |_| {});
    house.role("course-101").await;
    let gone = house
        .directory
        .delete(&key("course-101"), &house.templates, Resources::Kept)
        .await;
    gone.unwrap();
    house.upstream.fail(Some(UNAVAILABLE));
    house.resolve("course-101", false).await.unwrap_err();
}
