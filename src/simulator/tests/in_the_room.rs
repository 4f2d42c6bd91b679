use std::time::Duration;

use serde_json::{Value, json};

use super::{Team, visitor};

impl Team {
    /// Answers its path.
    async fn open_room(&self) -> String {
        let body = json!({ "friendly_url": "open", "default_role": "attendee",
            "roles": ["moderator", "attendee"] });
        let (_, room) = self.post("/api/v1/rooms", body).await;
        format!("/api/v1/rooms/{}", room["id"].as_str().unwrap())
    }

    async fn act(&self, path: &str, body: Value) -> u16 {
        self.post(path, body).await.0
    }

    /// What the page tells whoever comes in next.
    async fn looked_at(&self) -> String {
        self.page("/open").await.1
    }
}

#[tokio::test]
async fn callers_are_participants_under_their_call_ids() {
    let team = Team::start();
    let room = team.open_room().await;
    let callers = json!([
        { "call_id": "sip:1/a", "caller_number": "+4312345", "external_id": "user-9", "muted": true },
        { "call_id": "2", "name": "Ben" },
    ]);
    assert_eq!(
        team.act(&format!("{room}/phone/connect"), json!({})).await,
        200
    );
    assert_eq!(
        team.act(&format!("{room}/phone-participants/joined"), callers)
            .await,
        200
    );
    let (_, page) = team.get(&format!("{room}/participants?order=asc")).await;
    assert_eq!(page["total_count"], "2");
    let first = &page["data"][0];
    assert_eq!(
        (&first["name"], &first["external_id"]),
        (&json!("+4312345"), &json!("user-9"))
    );
    assert_eq!(first["role"], "attendee");
    assert_eq!(team.samba.joins(), [], "no token was shown");

    let shown = team.looked_at().await;
    assert!(shown.contains("This room is open to callers."), "{shown}");
    assert!(shown.contains('\u{1f507}'), "one is muted");
    for (act, muted, raised) in [
        ("unmute", false, false),
        ("raise-hand", false, true),
        ("mute", true, true),
        ("lower-hand", true, false),
    ] {
        let path = format!("{room}/phone-participants/sip%3A1%2Fa/{act}");
        assert_eq!(team.act(&path, json!({})).await, 200, "{act}");
        let shown = team.looked_at().await;
        assert_eq!(shown.contains('\u{1f507}'), muted, "{act}");
        assert_eq!(shown.contains('\u{270b}'), raised, "{act}");
    }
    assert_eq!(
        team.act(&format!("{room}/phone-participants/3/mute"), json!({}))
            .await,
        404
    );

    assert_eq!(
        team.act(
            &format!("{room}/phone-participants/left"),
            json!(["2", "3"])
        )
        .await,
        200
    );
    assert_eq!(
        team.act(&format!("{room}/phone-participants/2/mute"), json!({}))
            .await,
        404
    );
    assert_eq!(
        team.act(&format!("{room}/phone/disconnect"), json!({}))
            .await,
        200
    );
    let (_, page) = team.get("/api/v1/participants?live=false").await;
    assert_eq!(page["total_count"], "2");
    assert!(!team.looked_at().await.contains("callers"));
}

#[tokio::test]
async fn each_wrong_caller_is_refused_by_its_place() {
    let team = Team::start();
    let room = team.open_room().await;
    let path = &format!("{room}/phone-participants/joined");
    for (body, field) in [
        (json!([{ "name": "Ben" }]), "0.call_id"),
        (
            json!([{ "call_id": "1", "name": "A" }, { "call_id": "2" }]),
            "1.name",
        ),
        (json!([{ "call_id": 1, "name": "A" }]), "0.call_id"),
        (
            json!([{ "call_id": "1", "name": "A", "muted": "no" }]),
            "0.muted",
        ),
        (json!(["1"]), "0.call_id"),
    ] {
        let (status, answer) = team.post(path, body.clone()).await;
        assert_eq!(status, 422, "{body}");
        assert!(answer["errors"][field][0].is_string(), "{body}: {answer}");
    }
    assert_eq!(team.post(path, json!({})).await.0, 400);
    let many: Vec<_> = (0..101)
        .map(|n| json!({ "call_id": n.to_string(), "name": "A" }))
        .collect();
    assert_eq!(team.post(path, json!(many)).await.0, 422);
    let left = &format!("{room}/phone-participants/left");
    assert_eq!(team.post(left, json!([7])).await.0, 422);
    assert_eq!(team.get("/api/v1/participants").await.1["total_count"], "0");
}

#[tokio::test]
async fn hands_are_raised_and_lowered_by_who_is_in() {
    let team = Team::start();
    let room = team.open_room().await;
    assert!(team.samba.enter("open", visitor("user-1", "moderator")));
    let (_, page) = team.get("/api/v1/participants").await;
    let id = page["data"][0]["id"].as_str().unwrap();
    for (act, raised) in [("raise-hand", true), ("lower-hand", false)] {
        assert_eq!(
            team.act(&format!("{room}/participants/{id}/{act}"), json!({}))
                .await,
            200
        );
        assert_eq!(team.looked_at().await.contains('\u{270b}'), raised, "{act}");
    }
    assert!(team.samba.leave(id));
    let raise = format!("{room}/participants/{id}/raise-hand");
    assert_eq!(
        team.act(&raise, json!({})).await,
        404,
        "who has left has no hand"
    );
}

#[tokio::test]
async fn a_restreamer_needs_a_session_one_target_and_a_key_that_is_never_told() {
    let team = Team::start();
    let room = team.open_room().await;
    let youtube = json!({ "type": "youtube", "stream_key": "canary" });
    assert_eq!(
        team.act(&format!("{room}/restreamers/start"), youtube.clone())
            .await,
        422,
        "nobody is in"
    );
    assert!(team.samba.enter("open", visitor("user-1", "moderator")));
    let path = &format!("{room}/restreamers/start");
    for (body, field) in [
        (json!({ "type": "youtube" }), "stream_key"),
        (json!({ "stream_key": "k" }), "type"),
        (json!({ "type": "twitch", "stream_key": "k" }), "type"),
        (
            json!({ "server_url": "https://a.example", "stream_key": "k" }),
            "server_url",
        ),
        (
            json!({ "type": "vimeo", "server_url": "rtmp://a.example/live", "stream_key": "k" }),
            "type",
        ),
    ] {
        let (status, answer) = team.post(path, body.clone()).await;
        assert_eq!(status, 422, "{body}");
        assert!(answer["errors"][field][0].is_string(), "{body}: {answer}");
    }
    assert_eq!(team.post(path, youtube.clone()).await, (200, json!("")));
    assert_eq!(team.post(path, youtube).await.0, 409);
    let shown = team.looked_at().await;
    assert!(
        shown.contains("This room is restreamed to YouTube."),
        "{shown}"
    );
    assert!(!shown.contains("canary"));
    assert_eq!(
        team.act(&format!("{room}/restreamers/stop"), json!({}))
            .await,
        200
    );
    assert_eq!(
        team.act(&format!("{room}/restreamers/stop"), json!({}))
            .await,
        422
    );
    let server = json!({ "server_url": "rtmps://a.example/live", "stream_key": "k" });
    assert_eq!(team.post(path, server).await.0, 200);
}

#[tokio::test]
async fn what_runs_in_a_session_ends_with_it_and_starts_afresh() {
    let team = Team::start();
    let room = team.open_room().await;
    let caller = json!([{ "call_id": "1", "name": "Ben" }]);
    assert_eq!(
        team.act(&format!("{room}/phone-participants/joined"), caller)
            .await,
        200
    );
    let youtube = json!({ "type": "youtube", "stream_key": "k" });
    assert_eq!(
        team.act(&format!("{room}/restreamers/start"), youtube)
            .await,
        200
    );
    assert_eq!(
        team.act(&format!("{room}/transcription/start"), json!({}))
            .await,
        200
    );
    let raise = format!("{room}/phone-participants/1/raise-hand");
    assert_eq!(team.act(&raise, json!({})).await, 200);
    let (_, page) = team.get("/api/v1/sessions").await;
    let session = page["data"][0]["id"].as_str().unwrap();
    assert_eq!(
        team.act(&format!("/api/v1/sessions/{session}/end"), json!({}))
            .await,
        200
    );

    let shown = team.looked_at().await;
    assert!(!shown.contains("This room is"), "{shown}");
    assert_eq!(team.act(&raise, json!({})).await, 404, "the call is over");
    for what in ["restreamers", "transcription"] {
        assert_eq!(
            team.act(&format!("{room}/{what}/stop"), json!({})).await,
            422,
            "{what}"
        );
    }
}

#[tokio::test]
async fn who_leaves_and_comes_back_has_both_stays_counted_and_no_hand_up() {
    let team = Team::start();
    let room = team.open_room().await;
    assert!(team.samba.enter("open", visitor("user-1", "moderator")));
    let (_, page) = team.get("/api/v1/participants").await;
    let id = page["data"][0]["id"].as_str().unwrap();
    assert_eq!(
        team.act(&format!("{room}/participants/{id}/raise-hand"), json!({}))
            .await,
        200
    );
    for _ in 0..2 {
        team.time.advance(Duration::from_mins(3));
        assert!(team.samba.leave(id));
        team.time.advance(Duration::from_mins(1));
        assert!(team.samba.enter("open", visitor("user-1", "moderator")));
    }
    assert!(!team.looked_at().await.contains('\u{270b}'));
    let (_, figures) = team.get(&format!("/api/v1/participants/{id}")).await;
    assert_eq!(figures["participation_minutes"], 6);
}
