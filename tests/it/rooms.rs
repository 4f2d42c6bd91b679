//! Which room? Found or created once however many ask, proven to be the key's own, remembered.

use std::collections::HashSet;
use std::time::Duration;

use room_broker::simulator::digital_samba::Variations;
use room_broker::simulator::identity_provider::User;
use room_broker::simulator::{Fault, FaultKind, Moment};
use serde_json::{Value, json};

use crate::support::scene::{OPEN_POLICY, room_of};
use crate::support::{Answer, TestApp, until};

/// `rooms.fresh_for`, and a little.
const NOT_FRESH: Duration = Duration::from_secs(601);

async fn all_of(crowd: Vec<tokio::task::JoinHandle<Answer>>) -> Vec<Value> {
    let mut joined = Vec::with_capacity(crowd.len());
    for caller in crowd {
        let answer = caller.await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        joined.push(answer.json());
    }
    joined
}

fn ids(joined: &[Value]) -> HashSet<String> {
    let id = |joined: &Value| joined["room"]["id"].as_str().unwrap().to_owned();
    joined.iter().map(id).collect()
}

/// Two refusals that nobody can tell apart.
#[track_caller]
fn assert_alike(one: &Answer, other: &Answer) {
    let without_id = |answer: &Answer| {
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("request_id");
        (answer.status, body)
    };
    assert_eq!(without_id(one), without_id(other));
}

#[tokio::test]
async fn a_thousand_simultaneous_first_joins_create_one_room() {
    let app = TestApp::spawn().await;
    // Nobody gets through before everybody is there.
    app.upstream
        .controls()
        .close_gate("get_room", Moment::BeforeEffect);
    let crowd = app.crowd(&app.token(User::Ada), "course-101", 1000);
    let misses = r#"room_broker_room_cache_lookups_total{outcome="miss"}"#;
    until("all have asked", async || app.metric(misses).await == 1000).await;
    app.upstream.controls().open_gate("get_room");

    let joined = all_of(crowd).await;
    assert_eq!(app.upstream.creations(), 1);
    assert_eq!((app.calls("get_room"), app.calls("create_room")), (1, 1));
    assert_eq!(ids(&joined).len(), 1);
    let creators = joined
        .iter()
        .filter(|joined| joined["room"]["created"] == true);
    assert_eq!(creators.count(), 1);
}

#[tokio::test]
async fn callers_who_hang_up_in_the_middle_neither_stop_the_creation_nor_start_a_second() {
    let app = TestApp::spawn().await;
    let controls = app.upstream.controls();
    controls.close_gate("create_room", Moment::BeforeEffect);
    let token = app.token(User::Ada);
    let crowd = app.crowd(&token, "course-101", 300);
    let misses = r#"room_broker_room_cache_lookups_total{outcome="miss"}"#;
    until("all have asked", async || app.metric(misses).await == 300).await;
    controls.until_waiting("create_room", 1).await;
    for caller in &crowd {
        caller.abort();
    }
    for caller in crowd {
        assert!(caller.await.unwrap_err().is_cancelled());
    }

    let later = app.crowd(&token, "course-101", 20);
    until("they have asked too", async || {
        app.metric(misses).await == 320
    })
    .await;
    controls.open_gate("create_room");
    assert_eq!(ids(&all_of(later).await).len(), 1);
    assert_eq!(app.upstream.creations(), 1);
    assert_eq!(app.calls("create_room"), 1);
}

#[tokio::test]
async fn a_room_that_appears_between_look_and_creation_is_taken_if_it_is_the_keys_own() {
    let app = TestApp::spawn().await;
    let controls = app.upstream.controls();
    controls.close_gate("create_room", Moment::BeforeEffect);
    let mut crowd = app.crowd(&app.token(User::Ada), "course-101", 1);
    controls.until_waiting("create_room", 1).await;
    let theirs = app.put_room("course-101");
    controls.open_gate("create_room");
    let joined = crowd.remove(0).await.unwrap();
    assert_eq!(joined.status, 200, "{joined:?}");
    let room = &joined.json()["room"];
    assert_eq!(
        (&room["id"], &room["created"]),
        (&json!(theirs.id), &json!(false))
    );
    assert_eq!(app.upstream.creations(), 0);
}

#[tokio::test]
async fn a_stranger_who_takes_the_name_between_look_and_creation_gets_no_visitors() {
    let app = TestApp::spawn().await;
    let controls = app.upstream.controls();
    controls.close_gate("create_room", Moment::BeforeEffect);
    let mut crowd = app.crowd(&app.token(User::Ada), "course-101", 1);
    controls.until_waiting("create_room", 1).await;
    app.put_room_with("course-101", &json!({ "external_id": "course-999" }));
    controls.open_gate("create_room");
    let refused = crowd.remove(0).await.unwrap();
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (409, "room-conflict")
    );
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_read_back_and_not_repeated() {
    let lost = [
        FaultKind::ConnectionReset,
        FaultKind::TruncatedBody,
        FaultKind::Status {
            status: 502,
            retry_after_s: None,
        },
    ];
    for kind in lost {
        let app = TestApp::spawn().await;
        let fault = Fault::new(kind.clone()).times(1).after_effect();
        app.upstream.controls().fail("create_room", fault);
        let joined = app.join(&app.token(User::Ada), "course-101").await;
        assert_eq!(joined.status, 200, "{kind:?} {joined:?}");
        let room = &joined.json()["room"];
        assert_eq!(room["created"], true);
        assert_eq!(
            room["id"],
            app.upstream.room("course-101").unwrap().id.as_str()
        );
        assert_eq!(app.calls("create_room"), 1, "{kind:?}");
        assert_eq!(app.upstream.rooms().len(), 1);
    }
}

#[tokio::test]
async fn a_creation_that_never_arrived_is_sent_a_second_time_and_no_third() {
    let app = TestApp::spawn_with(|setup| {
        setup.config("[digital_samba]\nbreaker_failures = 1000");
    })
    .await;
    let controls = app.upstream.controls();
    controls.fail("create_room", Fault::status(500).times(1));
    let joined = app.join(&app.token(User::Ada), "course-101").await;
    assert_eq!(joined.status, 200, "{joined:?}");
    assert_eq!(app.calls("create_room"), 2);

    app.upstream.reset();
    app.hand.advance(NOT_FRESH + Duration::from_hours(6));
    controls.fail("create_room", Fault::status(500));
    let failed = app.join(&app.token(User::Ada), "course-101").await;
    assert_eq!(failed.code(), "upstream-unavailable");
    assert_eq!(app.calls("create_room"), 2);
}

#[tokio::test]
async fn a_room_that_was_deleted_upstream_is_noticed_and_created_again_for_who_may() {
    let app = TestApp::spawn().await;
    let first = app.join(&app.token(User::Ada), "course-101").await.json();
    assert!(app.upstream.delete_room("course-101"));
    let remembered = app.join(&app.token(User::Ben), "course-101").await;
    assert_eq!(remembered.json()["room"]["id"], first["room"]["id"]);

    app.hand.advance(NOT_FRESH);
    let student = app.join(&app.token(User::Ben), "course-101").await;
    assert_eq!(student.code(), "forbidden");
    let teacher = app.join(&app.token(User::Ada), "course-101").await.json();
    assert_eq!(teacher["room"]["created"], true);
    assert_ne!(teacher["room"]["id"], first["room"]["id"]);
    let student = app.join(&app.token(User::Ben), "course-101").await.json();
    assert_eq!(student["room"]["id"], teacher["room"]["id"]);
}

#[tokio::test]
async fn a_room_of_another_key_is_a_conflict_even_where_rooms_are_adopted() {
    let app = TestApp::spawn_with(|setup| {
        setup.config("[rooms]\nadopt = true");
    })
    .await;
    app.put_room_with("course-101", &json!({ "external_id": "course-102" }));
    for user in [User::Ada, User::Ben] {
        let refused = app.join(&app.token(user), "course-101").await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (409, "room-conflict")
        );
        assert!(!refused.text.contains("course-102"), "{refused:?}");
    }
    assert_eq!(app.calls("create_room"), 0);
}

#[tokio::test]
async fn a_room_of_no_key_is_entered_only_where_rooms_are_adopted() {
    for adopt in [false, true] {
        let app = TestApp::spawn_with(|setup| {
            setup.config(&format!("[rooms]\nadopt = {adopt}"));
        })
        .await;
        let found = app.put_room_with("course-101", &json!({ "external_id": null }));
        let answer = app.join(&app.token(User::Ada), "course-101").await;
        if adopt {
            assert_eq!(answer.status, 200, "{answer:?}");
            let room = &answer.json()["room"];
            assert_eq!(
                (&room["id"], &room["created"]),
                (&json!(found.id), &json!(false))
            );
        } else {
            assert_eq!(answer.code(), "room-conflict");
        }
    }
}

#[tokio::test]
async fn a_public_room_is_refused_unless_its_template_says_public() {
    for template in ["private", "public"] {
        let app = TestApp::spawn_with(|setup| {
            setup.config(&format!(
                "[[rooms.templates]]\nroom = \"course-{{course}}\"\nsettings = {{ privacy = \"{template}\" }}"
            ));
        })
        .await;
        app.put_room_with("course-101", &json!({ "privacy": "public" }));
        let answer = app.join(&app.token(User::Ada), "course-101").await;
        if template == "public" {
            assert_eq!(answer.status, 200, "{answer:?}");
        } else {
            assert_eq!(answer.code(), "room-conflict");
        }
    }
}

#[tokio::test]
async fn rooms_are_created_private_for_their_key_with_the_settings_of_the_template() {
    let app = TestApp::spawn().await;
    app.join(&app.token(User::Ada), "course-101").await;
    let room = app.upstream.room("course-101").unwrap();
    assert_eq!(room.settings["privacy"], "private");
    assert_eq!(room.settings["external_id"], "course-101");
    assert_eq!(room.settings["default_role"]["name"], "attendee");
    assert_eq!(room.roles, ["moderator", "attendee"]);
}

#[tokio::test]
async fn that_there_is_no_such_room_is_remembered_for_a_moment() {
    let app = TestApp::spawn().await;
    let ben = app.token(User::Ben);
    for _ in 0..3 {
        assert_eq!(app.join(&ben, "course-101").await.code(), "forbidden");
    }
    assert_eq!(app.calls("get_room"), 1);
    app.hand.advance(Duration::from_secs(5));
    assert_eq!(app.join(&ben, "course-101").await.code(), "forbidden");
    assert_eq!(app.calls("get_room"), 2);
    // It does not hold up who may create the room, and is forgotten with it.
    assert_eq!(
        app.join(&app.token(User::Ada), "course-101").await.status,
        200
    );
    assert_eq!(app.join(&ben, "course-101").await.status, 200);
    let negative = r#"room_broker_room_cache_lookups_total{outcome="negative"}"#;
    assert_eq!(app.metric(negative).await, 2);
}

#[tokio::test]
async fn a_room_whose_roles_upstream_does_not_tell_has_the_teams_roles() {
    for untold in [
        json!(null),
        json!([]),
        json!([{ "id": "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21" }]),
    ] {
        let app = TestApp::spawn().await;
        app.put_room("course-101");
        let kind = FaultKind::MistypedBody {
            pointer: "/roles".to_owned(),
            value: untold.clone(),
        };
        app.upstream.controls().fail("get_room", Fault::new(kind));
        let answer = app.join(&app.token(User::Ada), "course-101").await;
        assert_eq!(answer.status, 200, "{untold} {answer:?}");
        assert_eq!(app.calls("list_roles"), 1, "{untold}");
    }
}

#[tokio::test]
async fn a_role_that_the_room_does_not_offer_is_a_conflict_that_lists_the_roles() {
    let app = TestApp::spawn().await;
    app.put_room_with(
        "course-101",
        &json!({ "roles": ["speaker", "attendee"], "default_role": "attendee" }),
    );
    let refused = app.join(&app.token(User::Ada), "course-101").await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (409, "role-not-in-room")
    );
    assert_eq!(refused.json()["roles"], json!(["speaker", "attendee"]));
    assert_eq!(
        app.join(&app.token(User::Ben), "course-101").await.status,
        200
    );
}

#[tokio::test]
async fn an_upstream_of_the_older_form_is_understood() {
    let app = TestApp::spawn().await;
    app.upstream.vary(Variations {
        roles_as_names: true,
        total_count_as_number: true,
        validation_as_400: true,
        idle_room_not_found: true,
    });
    let teacher = app.join(&app.token(User::Ada), "course-101").await;
    let student = app.join(&app.token(User::Ben), "course-101").await;
    assert_eq!(
        (teacher.status, student.status),
        (200, 200),
        "{teacher:?} {student:?}"
    );
    assert_eq!(app.calls("list_roles"), 0);
}

#[tokio::test]
async fn in_the_older_form_too_a_taken_name_means_that_someone_was_faster() {
    let app = TestApp::spawn().await;
    app.upstream.vary(Variations {
        validation_as_400: true,
        ..Variations::default()
    });
    let controls = app.upstream.controls();
    controls.close_gate("create_room", Moment::BeforeEffect);
    let mut crowd = app.crowd(&app.token(User::Ada), "course-101", 1);
    controls.until_waiting("create_room", 1).await;
    app.upstream.create_room(&room_of("course-101")).unwrap();
    controls.open_gate("create_room");
    assert_eq!(crowd.remove(0).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_student_learns_nothing_of_a_room_that_is_not_there() {
    let app = TestApp::spawn().await;
    let absent = app.join(&app.token(User::Ben), "course-101").await;
    let closed = app.join(&app.token(User::Ben), "course-102").await;
    assert_eq!((absent.status, absent.code().as_str()), (403, "forbidden"));
    assert_alike(&absent, &closed);
    assert_alike(
        &app.read_room(User::Ben, "course-101").await,
        &app.read_room(User::Ben, "course-102").await,
    );
    assert_eq!(app.calls("create_room"), 0);
}

#[tokio::test]
async fn reading_a_room_says_what_a_join_would_do_and_creates_nothing() {
    let app = TestApp::spawn().await;
    let admission = json!({
        "role": "moderator", "roles": ["moderator", "attendee"],
        "may_create": true, "token_ttl_seconds": 3600,
    });
    let before = app.read_room(User::Ada, "course-101").await;
    assert_eq!(
        before.json(),
        json!({ "room": { "key": "course-101", "exists": false }, "admission": admission })
    );
    assert!(app.upstream.rooms().is_empty());

    let joined = app.join(&app.token(User::Ada), "course-101").await.json();
    let after = app.read_room(User::Ada, "course-101").await;
    let room = &joined["room"];
    assert_eq!(
        after.json(),
        json!({
            "room": {
                "key": "course-101", "exists": true, "id": room["id"],
                "friendly_url": "course-101", "url": room["url"],
            },
            "admission": admission,
        })
    );
    let student = app.read_room(User::Ben, "course-101").await.json();
    assert_eq!(
        student["admission"],
        json!({ "role": "attendee", "roles": ["attendee"], "may_create": false, "token_ttl_seconds": 7200 })
    );
}

#[tokio::test]
async fn keys_that_look_alike_get_rooms_of_their_own_and_their_links_open() {
    let app = TestApp::spawn_with(|setup| {
        setup.config(OPEN_POLICY);
    })
    .await;
    let keys = [
        "lab-1",
        "Lab-1",
        "LAB-1",
        "lab--1",
        "lab-1-",
        "lab.1",
        "lab:1",
        "lab+1",
        "lab@1,2=3~x",
        "live",
        "tags",
        "a",
        &"k".repeat(128),
    ];
    let token = app.token(User::Ada);
    let mut names = HashSet::new();
    for key in keys {
        let joined = app.join(&token, key).await;
        assert_eq!(joined.status, 200, "{key} {joined:?}");
        let joined = joined.json();
        assert_eq!(joined["room"]["key"], key);
        let name = joined["room"]["friendly_url"].as_str().unwrap();
        assert!((3..=32).contains(&name.len()), "{name}");
        assert!(names.insert(name.to_lowercase()), "{name} twice");
        assert_eq!(
            app.upstream.room(name).unwrap().settings["external_id"],
            key
        );
        let page = app
            .answer(app.http.get(joined["join_url"].as_str().unwrap()))
            .await;
        assert_eq!(page.status, 200, "{key}");
    }
    assert_eq!(app.upstream.creations(), 13);
}

#[tokio::test]
async fn a_join_of_a_known_room_asks_nobody() {
    let app = TestApp::spawn().await;
    let (ada, ben) = (app.token(User::Ada), app.token(User::Ben));
    app.join(&ada, "course-101").await;
    let calls = app.upstream_calls();
    let keys = app.provider.controls().count("*").calls;
    for _ in 0..25 {
        assert_eq!(app.join(&ada, "course-101").await.status, 200);
        assert_eq!(app.join(&ben, "course-101").await.status, 200);
    }
    assert_eq!(app.upstream_calls(), calls);
    assert_eq!(app.provider.controls().count("*").calls, keys);
}
