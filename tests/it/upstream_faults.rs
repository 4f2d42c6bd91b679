//! Upstream fails in every way that it can: what callers are told, what goes on, and how often
//! upstream is asked.

mod features;
mod ways;

use std::time::Duration;

use room_broker::simulator::identity_provider::User;
use room_broker::simulator::{Fault, FaultKind, Moment};
use serde_json::json;

use crate::support::scene::OPEN_POLICY;
use crate::support::{Answer, TestApp};

use ways::{CANARY, Failing, answer, every_way, message, row};

/// `rooms.fresh_for`, and a little.
const NOT_FRESH: Duration = Duration::from_secs(601);
/// `rooms.stale_for`.
const STALE_FOR: Duration = Duration::from_hours(6);

/// Answers that come at once, and the breaker out of the way.
const IMPATIENT: &str = r#"
[digital_samba]
request_timeout = "300ms"
retries_max = 2
breaker_failures = 1000
"#;

/// Exactly this refusal, in our words alone.
#[track_caller]
fn assert_told(answer: &Answer, failing: &Failing) {
    let name = failing.name;
    assert_eq!(
        (
            answer.status,
            answer.code().as_str(),
            answer.header("retry-after")
        ),
        (failing.status, failing.code, failing.retry_after),
        "{name}"
    );
    assert!(!format!("{answer:?}").contains(CANARY), "{name} {answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store", "{name}");
    let members: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
    let mut expected = vec!["code", "request_id", "status", "title", "type"];
    if !failing.retry_after.is_empty() {
        expected.push("retry_after");
    }
    expected.sort_unstable();
    assert_eq!(members, expected, "{name}");
}

#[tokio::test]
async fn whatever_upstream_says_the_caller_of_an_unknown_room_reads_our_own_words() {
    for failing in every_way() {
        let app = TestApp::spawn_with(|setup| {
            setup.config(IMPATIENT);
        })
        .await;
        app.put_room("course-101");
        let controls = app.upstream.controls();
        controls.fail("get_room", failing.fault.clone());
        let told = app.join(&app.token(User::Ada), "course-101").await;
        assert_told(&told, &failing);
        assert_eq!(app.calls("get_room"), failing.tries, "{}", failing.name);
        assert_eq!(app.calls("create_room"), 0, "{}", failing.name);
        // A read answers alike, and a better upstream is believed at once or after the pause.
        let read = app.read_room(User::Ada, "course-101").await;
        assert_eq!(read.status, failing.status, "{}", failing.name);
        controls.clear_faults("get_room");
        app.hand.advance(Duration::from_mins(1));
        let joined = app.join(&app.token(User::Ada), "course-101").await;
        assert_eq!(joined.status, 200, "{} {joined:?}", failing.name);
    }
}

#[tokio::test]
async fn a_refused_creation_is_told_in_our_own_words_too() {
    let refused = (502, "upstream-refused", "");
    let rejected = (502, "upstream-rejected", "");
    for failing in [
        row("401", message(401, &[]), refused, 1),
        row("404", message(404, &[]), rejected, 1),
        row("422", message(422, &[]), rejected, 1),
        row(
            "422 without fields",
            answer(422, &[("content-type", "text/html")], CANARY),
            rejected,
            1,
        ),
        row(
            "429",
            message(429, &[("retry-after", "3")]),
            (503, "upstream-busy", "3"),
            1,
        ),
        row(
            "500",
            message(500, &[]),
            (503, "upstream-unavailable", "5"),
            2,
        ),
        row("empty", Fault::empty(), (502, "upstream-malformed", ""), 2),
    ] {
        let app = TestApp::spawn_with(|setup| {
            setup.config(IMPATIENT);
        })
        .await;
        app.upstream
            .controls()
            .fail("create_room", failing.fault.clone());
        let told = app.join(&app.token(User::Ada), "course-101").await;
        assert_told(&told, &failing);
        assert_eq!(app.calls("create_room"), failing.tries, "{}", failing.name);
    }
}

#[tokio::test]
async fn a_name_that_is_taken_and_yet_not_there_is_a_rejection() {
    let app = TestApp::spawn().await;
    let taken = json!({ "message": CANARY, "errors": { "friendly_url": [CANARY] } });
    let fault = answer(
        422,
        &[("content-type", "application/json")],
        &taken.to_string(),
    );
    app.upstream.controls().fail("create_room", fault);
    let told = app.join(&app.token(User::Ada), "course-101").await;
    assert_eq!(
        (told.status, told.code().as_str()),
        (502, "upstream-rejected")
    );
    assert!(!told.text.contains(CANARY));
}

#[tokio::test]
async fn known_rooms_are_joined_through_every_fault_until_they_are_too_old() {
    for failing in every_way() {
        let name = failing.name;
        let app = TestApp::spawn_with(|setup| {
            setup.config(IMPATIENT);
        })
        .await;
        let first = app.join(&app.token(User::Ada), "course-101").await.json();
        app.upstream.controls().fail("*", failing.fault.clone());
        app.hand.advance(NOT_FRESH);
        let stale = app.join(&app.token(User::Ben), "course-101").await;
        assert_eq!(stale.status, 200, "{name} {stale:?}");
        assert_eq!(stale.json()["room"]["id"], first["room"]["id"]);
        // After one try in vain the others do not wait for a second.
        let calls = app.upstream_calls();
        let again = app.join(&app.token(User::Ben), "course-101").await;
        assert_eq!((again.status, app.upstream_calls()), (200, calls), "{name}");

        app.hand.advance(STALE_FOR);
        let told = app.join(&app.token(User::Ben), "course-101").await;
        assert_told(&told, &failing);
    }
}

#[tokio::test]
async fn a_404_is_no_fault_but_the_end_of_the_room() {
    let app = TestApp::spawn().await;
    app.join(&app.token(User::Ada), "course-101").await;
    app.upstream.controls().fail("get_room", message(404, &[]));
    app.hand.advance(NOT_FRESH);
    let told = app.join(&app.token(User::Ben), "course-101").await;
    assert_eq!(told.code(), "forbidden");
}

#[tokio::test]
async fn an_upstream_that_is_not_there_at_all_is_unavailable_and_comes_back() {
    let app = TestApp::spawn_with(|setup| {
        setup.config(IMPATIENT);
    })
    .await;
    let first = app.join(&app.token(User::Ada), "course-101").await.json();
    app.upstream.take_down().await.unwrap();
    app.hand.advance(NOT_FRESH);
    let stale = app.join(&app.token(User::Ada), "course-101").await;
    assert_eq!(stale.json()["room"]["id"], first["room"]["id"]);
    app.hand.advance(STALE_FOR);
    let token = app.token(User::Ada);
    let told = app.join(&token, "course-101").await;
    assert_eq!(
        (told.status, told.code().as_str()),
        (503, "upstream-unavailable")
    );
    app.upstream.bring_up().await.unwrap();
    assert_eq!(app.join(&token, "course-101").await.status, 200);
}

#[tokio::test]
async fn an_open_breaker_answers_at_once_spares_upstream_and_lets_one_trial_through() {
    let app = TestApp::spawn_with(|setup| {
        setup.config(OPEN_POLICY).config(
            "[digital_samba]\nretries_max = 0\nbreaker_failures = 3\nbreaker_open_for = \"10s\"",
        );
    })
    .await;
    let token = app.token(User::Ada);
    let controls = app.upstream.controls();
    controls.fail("*", Fault::status(500));
    for room in ["lab-1", "lab-2", "lab-3"] {
        assert_eq!(app.join(&token, room).await.code(), "upstream-unavailable");
    }
    assert_eq!(app.upstream_calls(), 3);
    assert_eq!(app.metric("room_broker_upstream_breaker_open").await, 1);

    // Whoever asked upstream now would hang.
    controls.clear_faults("*");
    controls.close_gate("get_room", Moment::BeforeEffect);
    for room in ["lab-1", "lab-4", "lab-5"] {
        let told = app.join(&token, room).await;
        assert_eq!(
            (told.code().as_str(), told.header("retry-after")),
            ("upstream-unavailable", "10")
        );
    }
    assert_eq!(app.upstream_calls(), 3);

    app.hand.advance(Duration::from_secs(10));
    let mut trial = app.crowd(&token, "lab-6", 1);
    controls.until_waiting("get_room", 1).await;
    assert_eq!(
        app.join(&token, "lab-7").await.code(),
        "upstream-unavailable"
    );
    assert_eq!(app.upstream_calls(), 4);
    controls.open_gate("get_room");
    assert_eq!(trial.remove(0).await.unwrap().status, 200);
    assert_eq!(app.join(&token, "lab-7").await.status, 200);
    assert_eq!(app.metric("room_broker_upstream_breaker_open").await, 0);
}

#[tokio::test]
async fn a_failed_trial_opens_the_breaker_for_as_long_again() {
    let app = TestApp::spawn_with(|setup| {
        setup
            .config(OPEN_POLICY)
            .config("[digital_samba]\nretries_max = 0\nbreaker_failures = 1");
    })
    .await;
    let token = app.token(User::Ada);
    app.upstream.controls().fail("*", Fault::status(503));
    app.join(&token, "lab-1").await;
    app.hand.advance(Duration::from_secs(10));
    app.join(&token, "lab-2").await;
    assert_eq!(app.upstream_calls(), 2);
    app.hand.advance(Duration::from_secs(9));
    app.join(&token, "lab-3").await;
    assert_eq!(app.upstream_calls(), 2);
}

#[tokio::test]
async fn refusals_of_the_key_and_rejections_do_not_open_the_breaker() {
    let app = TestApp::spawn_with(|setup| {
        setup
            .config(OPEN_POLICY)
            .config("[digital_samba]\nretries_max = 0\nbreaker_failures = 2");
    })
    .await;
    let token = app.token(User::Ada);
    for (index, fault) in [message(401, &[]), message(422, &[]), Fault::empty()]
        .into_iter()
        .enumerate()
    {
        app.upstream.controls().fail("*", fault);
        for half in ["a", "b", "c"] {
            app.join(&token, &format!("lab-{index}{half}")).await;
        }
        app.upstream.controls().clear_faults("*");
    }
    assert_eq!(app.join(&token, "lab-9").await.status, 200);
}

#[tokio::test]
async fn under_total_failure_no_join_costs_more_than_its_retries() {
    for fault in [message(500, &[]), Fault::new(FaultKind::ConnectionReset)] {
        let app = TestApp::spawn_with(|setup| {
            setup.config(OPEN_POLICY).config(IMPATIENT);
        })
        .await;
        app.upstream.controls().fail("*", fault);
        let token = app.token(User::Ada);
        let mut crowd = Vec::new();
        for room in 0..20 {
            crowd.extend(app.crowd(&token, &format!("lab-{room}"), 5));
        }
        for caller in crowd {
            assert_eq!(caller.await.unwrap().code(), "upstream-unavailable");
        }
        // Five callers of a room share its calls, unless one came after the others were answered.
        let calls = app.upstream_calls();
        assert!(calls <= 100 * 3, "{calls}");
        assert!(calls >= 20 * 3, "{calls}");
        app.join(&token, "lab-x").await;
        assert_eq!(app.upstream_calls(), calls + 3);
    }
}

#[tokio::test]
async fn under_total_failure_with_the_breaker_on_upstream_is_left_alone() {
    let app = TestApp::spawn_with(|setup| {
        setup.config(OPEN_POLICY);
    })
    .await;
    app.upstream.controls().fail("*", Fault::status(500));
    let token = app.token(User::Ada);
    for room in 0..50 {
        assert_eq!(
            app.join(&token, &format!("lab-{room}")).await.code(),
            "upstream-unavailable"
        );
    }
    assert_eq!(app.upstream_calls(), 5);
}

#[tokio::test]
async fn a_used_up_budget_stops_unknown_rooms_alone_until_there_is_some_again() {
    let app = TestApp::spawn_with(|setup| {
        setup
            .config(OPEN_POLICY)
            .config("[digital_samba]\nrequests_per_minute = 2\n[gateway]\nrequests_per_minute = 1");
    })
    .await;
    let token = app.token(User::Ada);
    assert_eq!(app.join(&token, "lab-1").await.status, 200);
    let told = app.join(&token, "lab-2").await;
    assert_eq!(
        (
            told.status,
            told.code().as_str(),
            told.header("retry-after")
        ),
        (503, "upstream-busy", "60")
    );
    assert_eq!(app.upstream_calls(), 2);
    assert_eq!(app.join(&token, "lab-1").await.status, 200);
    app.hand.advance(Duration::from_mins(1));
    assert_eq!(app.join(&token, "lab-2").await.status, 200);
    assert_eq!(app.upstream_calls(), 4);
}

#[tokio::test]
async fn upstreams_429_makes_everybody_wait_not_only_the_one_it_was_said_to() {
    let app = TestApp::spawn_with(|setup| {
        setup.config(OPEN_POLICY);
    })
    .await;
    let token = app.token(User::Ada);
    let fault = message(429, &[("retry-after", "17")]).times(1);
    app.upstream.controls().fail("get_room", fault);
    assert_eq!(app.join(&token, "lab-1").await.header("retry-after"), "17");
    app.hand.advance(Duration::from_secs(7));
    let told = app.join(&token, "lab-2").await;
    assert_eq!(
        (told.code().as_str(), told.header("retry-after")),
        ("upstream-busy", "10")
    );
    assert_eq!(app.upstream_calls(), 1);
    app.hand.advance(Duration::from_secs(10));
    assert_eq!(app.join(&token, "lab-2").await.status, 200);
}
