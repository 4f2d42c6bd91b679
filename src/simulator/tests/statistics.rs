use std::time::Duration;

use serde_json::{Value, json};

use super::{Team, visitor};

impl Team {
    /// Two rooms, whose ids are answered, in use at once: three people for ten minutes, one of them recorded for five.
    async fn morning(&self) -> Vec<String> {
        let mut ids = Vec::new();
        for (name, tags) in [("clinic", json!(["a", "b"])), ("ward", json!(["b"]))] {
            let body = json!({ "friendly_url": name, "tags": tags });
            let (_, room) = self.post("/api/v1/rooms", body).await;
            ids.push(room["id"].as_str().unwrap().to_owned());
        }
        for (room, who, role) in [
            ("clinic", "user-1", "moderator"),
            ("clinic", "user-2", "attendee"),
            ("ward", "user-1", "moderator"),
        ] {
            assert!(self.samba.enter(room, visitor(who, role)));
        }
        self.post("/api/v1/rooms/clinic/recordings/start", json!({}))
            .await;
        self.time.advance(Duration::from_mins(5));
        self.post("/api/v1/rooms/clinic/recordings/stop", json!({}))
            .await;
        self.time.advance(Duration::from_mins(5));
        self.samba.empty_room("clinic");
        ids
    }

    async fn figures(&self, path: &str) -> Value {
        let (status, figures) = self.get(&format!("/api/v1/{path}")).await;
        assert_eq!(status, 200, "{path}: {figures}");
        figures
    }
}

fn assert_figures(document: &Value, expected: &[(&str, Value)]) {
    for (name, value) in expected {
        assert_eq!(&document[*name], value, "{name}: {document}");
    }
}

#[tokio::test]
async fn the_team_s_figures_are_counted_from_what_happened() {
    let team = Team::start();
    team.morning().await;
    let figures = team.figures("statistics").await;
    assert_figures(
        &figures,
        &[
            ("participation_minutes", json!(30)),
            ("active_participants", json!(3)),
            ("live_participants", json!(1)),
            ("max_concurrent_participants", json!(3)),
            ("max_concurrent_participants_per_session", json!(2)),
            ("max_concurrent_sessions", json!(2)),
            ("sessions", json!(2)),
            ("rooms", json!(2)),
            ("recorded_minutes", json!(5)),
            ("max_active_recorders", json!(1)),
            ("active_roles", json!(2)),
            ("broadcasted_minutes", json!(0)),
            ("date_start", json!("2026-06-01")),
            ("date_end", json!("2026-06-09")),
        ],
    );
    assert_eq!(team.figures("statistics/team/current").await, figures);
    let current = team.figures("statistics/current").await;
    assert_figures(
        &current,
        &[
            ("participation_minutes", json!(30)),
            ("live_sessions", json!(2)),
            ("live_participants", json!(1)),
            ("active_recorders", json!(0)),
        ],
    );
    let totals = team.figures("statistics/totals").await;
    assert_eq!(
        totals,
        json!([
            { "tag": "a", "rooms": 1, "participants": 2, "participation_minutes": 20 },
            { "tag": "b", "rooms": 2, "participants": 3, "participation_minutes": 30 },
        ])
    );
}

#[tokio::test]
async fn a_period_and_metrics_narrow_the_figures() {
    let team = Team::start();
    let rooms = team.morning().await;
    let of_room = format!("rooms/{}/statistics", rooms[0]);
    for (query, sessions) in [
        ("date_start=2026-06-09", 2),
        ("date_end=2026-06-09", 2),
        ("date_start=2026-05-01&date_end=2026-06-08", 0),
    ] {
        let figures = team
            .figures(&format!("statistics?{query}&metrics=sessions"))
            .await;
        assert_eq!(figures, json!({ "sessions": sessions }), "{query}");
    }
    let some = team
        .figures(&format!("{of_room}?metrics=sessions,room_id,unknown"))
        .await;
    let mut names: Vec<_> = some.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["room_id", "sessions"]);
    for query in [
        "date_start=today",
        "date_start=2026-06-09&date_end=2026-06-08",
    ] {
        for path in ["statistics", of_room.as_str(), "sessions", "participants"] {
            let answer = team.get(&format!("/api/v1/{path}?{query}")).await;
            assert_eq!(answer.0, 422, "{path} {query}");
        }
    }
}

#[tokio::test]
async fn rooms_sessions_and_participants_have_figures_of_their_own() {
    let team = Team::start();
    let rooms = team.morning().await;
    let id = &rooms[0];
    let room = team.figures(&format!("rooms/{id}/statistics")).await;
    assert_figures(
        &room,
        &[
            ("room_friendly_url", json!("clinic")),
            ("participation_minutes", json!(20)),
            ("sessions", json!(1)),
            ("max_concurrent_participants", json!(2)),
        ],
    );
    assert_eq!(
        team.figures(&format!("rooms/{id}/statistics/current"))
            .await,
        room
    );

    team.time.advance(Duration::from_mins(7));
    let (_, sessions) = team.get(&format!("/api/v1/rooms/{id}/sessions")).await;
    let session = sessions["data"][0]["id"].as_str().unwrap();
    let figures = team
        .figures(&format!("sessions/{session}/statistics"))
        .await;
    assert_figures(
        &figures,
        &[
            ("session_id", json!(session)),
            ("session_live", json!(false)),
            ("session_duration", json!(17)),
            ("session_start_time", json!("2026-06-09T10:13:20Z")),
            ("session_end_time", json!("2026-06-09T10:30:20Z")),
            ("participation_minutes", json!(20)),
            ("recorded_minutes", json!(5)),
            ("live_participants", json!(0)),
        ],
    );
    assert_eq!(team.figures(&format!("sessions/{session}")).await, figures);

    let (_, people) = team
        .get(&format!(
            "/api/v1/sessions/{session}/participants?order=asc"
        ))
        .await;
    let person = people["data"][0]["id"].as_str().unwrap();
    let figures = team.figures(&format!("participants/{person}")).await;
    assert_figures(
        &figures,
        &[
            ("participant_name", json!(null)),
            ("role", json!("moderator")),
            ("live", json!(false)),
            ("join_time", json!("2026-06-09T10:13:20Z")),
            ("leave_time", json!("2026-06-09T10:23:20Z")),
            ("participation_minutes", json!(10)),
            ("session_id", json!(session)),
        ],
    );
    assert_eq!(
        team.figures(&format!("participants/{person}/statistics"))
            .await,
        figures
    );

    assert!(team.samba.delete_room("clinic"));
    let gone = team.figures(&format!("rooms/{id}/statistics")).await;
    assert_figures(
        &gone,
        &[("room_is_deleted", json!(true)), ("sessions", json!(1))],
    );
}

#[tokio::test]
async fn a_person_s_sessions_are_found_by_their_external_id() {
    let team = Team::start();
    team.morning().await;
    let (_, people) = team.get("/api/v1/participants?order=asc").await;
    let sessions = async |at: usize| {
        let id = people["data"][at]["id"].as_str().unwrap();
        let (_, page) = team
            .get(&format!("/api/v1/participants/{id}/sessions"))
            .await;
        page["total_count"].clone()
    };
    assert_eq!(
        (sessions(0).await, sessions(1).await),
        (json!("2"), json!("1"))
    );
    let (_, started) = team
        .get("/api/v1/statistics/participants/started-sessions")
        .await;
    assert_eq!(
        (
            &started["total_count"],
            &started["data"][0]["sessions_started"]
        ),
        (&json!(1), &json!(2))
    );
}

#[tokio::test]
async fn the_reference_s_live_counts_are_those_of_today_s_forms() {
    let team = Team::start();
    team.morning().await;
    assert!(team.samba.enter("clinic", visitor("user-3", "attendee")));
    for (path, count) in [
        ("live/count", 2),
        ("rooms/clinic/live/count", 1),
        ("rooms/ward/live/count", 1),
    ] {
        assert_eq!(
            team.figures(path).await,
            json!({ "count": count }),
            "{path}"
        );
    }
}
