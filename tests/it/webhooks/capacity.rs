//! A rule's capacity, at its edge.

use std::time::Duration;

use room_broker::simulator::Fault;
use room_broker::simulator::digital_samba::Visitor;
use room_broker::simulator::identity_provider::User;
use serde_json::json;

use super::{receiving, today};

fn visitor(name: &str) -> Visitor {
    Visitor {
        external_id: Some(name.to_owned()),
        name: None,
        role: "attendee".to_owned(),
        initials: None,
    }
}

#[tokio::test]
async fn of_many_at_once_as_many_are_let_in_as_there_are_seats() {
    let (app, _) = receiving("").await;
    let id = app.room_id("course-101").await;
    assert!(app.upstream.enter(&id, visitor("early")));
    let tokens: Vec<String> = (0..20).map(|n| app.student(&format!("s{n}"))).collect();
    let joins = tokens.iter().map(|token| app.join(token, "course-101"));
    let answers = futures_util::future::join_all(joins).await;
    let (inside, outside): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 200);
    // Three seats, of which one is taken.
    assert_eq!(inside.len(), 2);
    for answer in &outside {
        assert_eq!((answer.status, answer.code().as_str()), (409, "room-full"));
        assert_eq!(answer.json()["retry_after"], 15);
        assert_eq!(answer.header("retry-after"), "15");
    }
    assert_eq!(app.calls_of("get_room_live_participants"), 1);
    assert_eq!(app.counted("joins", &["room-full"]).await, 18);
}

#[tokio::test]
async fn a_seat_is_held_for_its_owner_and_free_again_if_nobody_comes() {
    let (app, _) = receiving("").await;
    app.room_id("course-101").await;
    let join = async |name: &str| app.join(&app.student(name), "course-101").await.status;
    for name in ["a", "b", "c", "a", "b"] {
        assert_eq!(join(name).await, 200, "{name}");
    }
    assert_eq!(join("d").await, 409);
    // A rule without a capacity is never full.
    let teacher = app.join(&app.token(User::Ada), "course-101").await;
    assert_eq!(teacher.status, 200);
    app.hand.advance(Duration::from_secs(60));
    assert_eq!(join("d").await, 200);
}

#[tokio::test]
async fn who_is_in_needs_no_second_seat_and_who_leaves_frees_one() {
    let (app, _) = receiving("").await;
    let id = app.room_id("course-101").await;
    let join = async |name: &str| app.join(&app.student(name), "course-101").await.status;
    for name in ["a", "b", "c"] {
        assert_eq!(join(name).await, 200);
        let data = json!({ "participantId": format!("p-{name}"), "externalId": name });
        let came = today("participant_joined", &id, &data);
        assert_eq!(app.tell(&came).await.status, 204);
    }
    assert_eq!(join("a").await, 200);
    assert_eq!(join("d").await, 409);
    let left = today("participant_left", &id, &json!({ "participantId": "p-b" }));
    assert_eq!(app.tell(&left).await.status, 204);
    assert_eq!(join("d").await, 200);
    assert_eq!(join("b").await, 409);
}

#[tokio::test]
async fn where_the_count_cannot_be_told_everybody_is_let_in() {
    let (app, _) = receiving("").await;
    app.room_id("course-101").await;
    let down = Fault::status(500);
    app.upstream
        .controls()
        .fail("get_room_live_participants", down);
    for number in 0..5 {
        let student = app.student(&format!("s{number}"));
        assert_eq!(app.join(&student, "course-101").await.status, 200);
    }
    assert_eq!(app.counted("capacity_checks", &["unknown"]).await, 5);
}
