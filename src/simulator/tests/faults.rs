use std::error::Error as _;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{KEY, NOW, Team, told};
use crate::clock::{Clock, UnixTime};
use crate::simulator::{Fault, FaultKind, Moment};

#[tokio::test]
async fn a_fault_strikes_as_often_as_it_is_told_to() {
    let team = Team::start();
    team.room("clinic").await;
    team.samba
        .controls()
        .fail("get_room", Fault::status(503).times(2));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(team.get("/api/v1/rooms/clinic").await.0);
    }
    assert_eq!(statuses, [503, 503, 200]);
    assert_eq!(team.samba.controls().count("get_room").calls, 3);
    assert_eq!(team.samba.controls().count("get_room").done, 1);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_room_behind() {
    let team = Team::start();
    let lost = Fault::new(FaultKind::ConnectionReset);
    team.samba
        .controls()
        .fail("create_room", lost.clone().times(1));
    let create = || {
        let request = team.request(Method::POST, "/api/v1/rooms");
        request.json(&json!({ "friendly_url": "lost" })).send()
    };
    let mut cause = create()
        .await
        .unwrap_err()
        .source()
        .map(ToString::to_string);
    assert_eq!(team.samba.rooms(), []);
    team.samba
        .controls()
        .fail("create_room", lost.after_effect().times(1));
    cause = cause.and(
        create()
            .await
            .unwrap_err()
            .source()
            .map(ToString::to_string),
    );
    assert!(cause.is_some());
    assert_eq!(team.samba.rooms().len(), 1);
    assert_eq!(team.samba.creations(), 1);
}

#[tokio::test]
async fn a_reset_is_a_reset_on_the_wire() {
    let team = Team::start();
    let fault = Fault::new(FaultKind::ConnectionReset);
    team.samba.controls().fail("*", fault);
    let mut stream = connected(&team, "GET /api/v1 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let end = stream.read(&mut [0; 64]).await;
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn bodies_come_truncated_mistyped_oversized_empty_or_as_something_else() {
    let team = Team::start();
    let room = team.room("clinic").await;
    let fault = |fault: Fault| team.samba.controls().fail("get_room", fault.times(1));
    let get = || team.request(Method::GET, "/api/v1/rooms/clinic").send();

    fault(Fault::new(FaultKind::TruncatedBody));
    let broken = get().await.unwrap();
    assert_eq!(broken.status(), 200);
    assert!(broken.bytes().await.is_err());

    fault(Fault::mistyped_id());
    assert_eq!(told(get().await.unwrap()).await.1["id"], 7);

    fault(Fault::oversized());
    let huge = get().await.unwrap();
    assert_eq!(huge.content_length(), None);
    let huge = huge.bytes().await.unwrap();
    assert!(huge.len() > 10_000_000);
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&huge).unwrap(),
        room
    );

    fault(Fault::empty());
    assert_eq!(told(get().await.unwrap()).await, (200, json!("")));

    fault(Fault::html());
    let page = get().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");

    fault(Fault::answer("text/plain", &room.to_string()));
    let plain = get().await.unwrap();
    assert_eq!(plain.headers()["content-type"], "text/plain");
    assert_eq!(told(plain).await.1, room);

    fault(Fault::json(&json!([1])));
    assert_eq!(told(get().await.unwrap()).await, (200, json!([1])));
}

#[tokio::test]
async fn a_hanging_call_answers_nothing_until_the_fault_is_cleared() {
    let team = Team::start();
    team.samba
        .controls()
        .fail("list_rooms", Fault::new(FaultKind::Hang));
    let request = team.request(Method::GET, "/api/v1/rooms");
    let call = tokio::spawn(request.send());
    team.samba.controls().until_waiting("list_rooms", 1).await;
    assert_eq!(team.samba.controls().count("list_rooms").in_flight, 1);
    team.samba.controls().clear_faults("list_rooms");
    let ended = call.await.unwrap().unwrap_err();
    assert!(!ended.is_timeout(), "{ended:?}");
}

#[tokio::test]
async fn a_gate_holds_creations_until_it_is_opened_even_if_a_caller_goes_away() {
    let team = Team::start();
    let controls = team.samba.controls();
    controls.close_gate("create_room", Moment::BeforeEffect);
    let calls = ["one", "two"].map(|name| {
        let request = team.request(Method::POST, "/api/v1/rooms");
        tokio::spawn(request.json(&json!({ "friendly_url": name })).send())
    });
    let leaving = connected(&team, &request_to_create("three")).await;
    controls.until_waiting("create_room", 3).await;
    assert_eq!(team.samba.rooms(), []);
    leaving.set_zero_linger().unwrap();
    drop(leaving);
    for _ in 0..20 {
        // The server's one worker turns often enough to notice that somebody went away.
        team.get("/_sim/counts").await;
    }
    controls.open_gate("create_room");
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
    controls.until_done("create_room", 3).await;
    assert_eq!(controls.count("create_room").in_flight_max, 3);
}

fn request_to_create(friendly_url: &str) -> String {
    let body = json!({ "friendly_url": friendly_url }).to_string();
    format!(
        "POST /api/v1/rooms HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn connected(team: &Team, request: &str) -> TcpStream {
    let address = team.samba.base_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_gate_after_the_effect_holds_the_answer_only() {
    let team = Team::start();
    team.samba
        .controls()
        .close_gate("create_room", Moment::AfterEffect);
    let request = team.request(Method::POST, "/api/v1/rooms");
    let call = tokio::spawn(request.json(&json!({ "friendly_url": "one" })).send());
    team.samba.controls().until_waiting("create_room", 1).await;
    assert_eq!(team.samba.rooms().len(), 1);
    team.samba.controls().open_gate("create_room");
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn taken_down_it_refuses_connections_and_brought_up_it_is_the_same() {
    let team = Team::start();
    team.room("clinic").await;
    team.samba.take_down().await.unwrap();
    let request = team.request(Method::GET, "/api/v1/rooms/clinic");
    assert!(request.send().await.is_err());
    let fresh = super::client().get(team.samba.base_url()).send().await;
    assert!(fresh.unwrap_err().is_connect());
    team.samba.bring_up().await.unwrap();
    assert_eq!(team.get("/api/v1/rooms/clinic").await.0, 200);
}

#[tokio::test]
async fn the_same_controls_work_over_http() {
    let team = Team::start();
    team.room("clinic").await;
    let fault = json!({ "kind": "status", "status": 429, "retry_after_s": 9, "times": 1 });
    assert_eq!(team.post("/_sim/faults/get_room", fault).await.0, 204);
    let limited = team
        .request(Method::GET, "/api/v1/rooms/clinic")
        .send()
        .await
        .unwrap();
    assert_eq!(limited.status(), 429);
    assert_eq!(limited.headers()["retry-after"], "9");
    let (_, counts) = team.get("/_sim/counts").await;
    assert_eq!(counts["create_room"]["done"], 1);
    let somebody = json!({ "external_id": "user-1", "role": "attendee" });
    assert_eq!(
        team.post("/_sim/rooms/clinic/participants", somebody)
            .await
            .0,
        204
    );
    assert_eq!(team.get("/_sim/joins").await.1[0]["external_id"], "user-1");
    assert_eq!(team.delete("/_sim/rooms/clinic", json!({})).await.0, 204);
    assert_eq!(team.delete("/_sim/rooms/clinic", json!({})).await.0, 404);
    assert_eq!(
        team.post("/_sim/faults/x", json!({ "kind": "nonsense" }))
            .await
            .0,
        400
    );
    assert_eq!(team.post("/_sim/reset", json!({})).await.0, 204);
    assert_eq!(team.samba.controls().count("*").calls, 0);
    let foreign = team
        .request(Method::POST, "/_sim/reset")
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), 415);
}

#[tokio::test]
async fn a_clock_is_moved_over_http_only_where_it_was_offered() {
    let team = Team::start();
    let hour = json!({ "advance_s": 3600 });
    let refused = team.post("/_sim/clock", hour.clone()).await;
    assert_eq!(
        refused,
        (409, json!({ "message": "this clock cannot be moved" }))
    );
    let (clock, hand) = Clock::manual(UnixTime::from_seconds(NOW));
    team.samba.controls().offer_clock(clock, hand.into());
    let moved = team.post("/_sim/clock", hour).await;
    assert_eq!(moved, (200, json!({ "now": NOW + 3600 })));
    assert_eq!(team.get("/_sim/clock").await, moved);
}
