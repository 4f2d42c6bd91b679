use std::time::Duration;

use serde_json::{Value, json};

use super::{Team, visitor};
use crate::simulator::digital_samba::Visitor;

impl Team {
    /// A room in which Ines is; answers her id and the session's.
    async fn talk(&self) -> (String, String) {
        self.room("clinic").await;
        let ines = Visitor {
            name: Some("Ines Valdez".to_owned()),
            ..visitor("user-1", "moderator")
        };
        assert!(self.samba.enter("clinic", ines));
        let (_, page) = self.get("/api/v1/participants").await;
        let text = |name: &str| page["data"][0][name].as_str().unwrap().to_owned();
        (text("id"), text("session_id"))
    }

    async fn transcription(&self, act: &str) -> (u16, Value) {
        let path = format!("/api/v1/rooms/clinic/transcription/{act}");
        self.post(&path, json!({})).await
    }

    async fn say(&self, participant: &str, text: &str) -> u16 {
        let path = format!("/_sim/participants/{participant}/speech");
        self.post(&path, json!({ "text": text, "seconds": 2 }))
            .await
            .0
    }
}

#[tokio::test]
async fn what_is_said_is_written_down_only_while_it_is_transcribed() {
    let team = Team::start();
    let (ines, session) = team.talk().await;
    assert_eq!(team.say(&ines, "Unheard.").await, 404);
    assert_eq!(team.transcription("stop").await.0, 422);
    assert_eq!(team.transcription("start").await, (200, json!("")));
    assert_eq!(team.transcription("start").await, (200, json!("")), "again");
    assert_eq!(team.say(&ines, "We begin.").await, 204);
    team.time.advance(Duration::from_secs(5));
    assert_eq!(team.say(&ines, "We end.").await, 204);
    assert_eq!(team.transcription("stop").await, (200, json!("")));
    assert_eq!(team.say(&ines, "Unheard.").await, 404);

    let (_, page) = team.get("/api/v1/rooms/clinic/transcripts?order=asc").await;
    assert_eq!(page["total_count"], 2);
    let expected = json!({
        "participant_id": ines,
        "participant_name": "Ines Valdez",
        "transcript": "We begin.",
        "start_time": "2026-06-09T10:13:20Z",
        "end_time": "2026-06-09T10:13:22Z",
    });
    assert_eq!(page["data"][0], expected);
    let of_session = format!("/api/v1/sessions/{session}/transcripts");
    assert_eq!(
        team.get(&format!("{of_session}?order=asc")).await,
        (200, page.clone())
    );
    let other = format!("/api/v1/rooms/clinic/transcripts?session_id={ines}");
    assert_eq!(team.get(&other).await.1["total_count"], 0);

    let written = "[2026-06-09T10:13:20Z] Ines Valdez: We begin.\n\
                   [2026-06-09T10:13:25Z] Ines Valdez: We end.\n";
    for path in ["/api/v1/rooms/clinic/transcripts", &of_session] {
        let export = format!("{path}/export");
        assert_eq!(team.get(&export).await, (200, json!(written)));
        let as_json = team.get(&format!("{export}?format=json&locale=de")).await;
        assert_eq!(as_json, (200, page["data"].clone()));
        for wrong in ["format=pdf", "locale=fr", "lang=xx"] {
            assert_eq!(
                team.get(&format!("{export}?{wrong}")).await.0,
                422,
                "{wrong}"
            );
        }
    }
    assert_eq!(team.delete(&of_session, json!({})).await.0, 204);
    assert_eq!(team.get(&of_session).await.1["total_count"], 0);
}

#[tokio::test]
async fn nobody_listens_in_an_empty_or_encrypted_room() {
    let team = Team::start();
    team.room("clinic").await;
    let refusal = json!({ "message": "The room has no live session." });
    assert_eq!(team.transcription("start").await, (422, refusal));
    let secret = json!({ "e2ee_enabled": true });
    assert_eq!(team.patch("/api/v1/rooms/clinic", secret).await.0, 200);
    let refusal = json!({ "message": "An end-to-end encrypted room cannot be transcribed." });
    assert_eq!(team.transcription("start").await, (422, refusal));
}

#[tokio::test]
async fn a_summary_takes_a_while_and_needs_a_transcript() {
    let team = Team::start();
    let (ines, session) = team.talk().await;
    let path = format!("/api/v1/sessions/{session}/summary");
    let refusal = json!({ "message": "The session was not transcribed." });
    assert_eq!(team.get(&path).await, (422, refusal.clone()));
    team.transcription("start").await;
    team.say(&ines, "The rota for July is agreed.").await;
    let (_, begun) = team.get(&path).await;
    assert_eq!(
        (&begun["status"], &begun["summary"]),
        (&json!("IN_PROGRESS"), &json!(""))
    );
    team.time.advance(Duration::from_mins(1));
    let (_, ready) = team.get(&path).await;
    let expected = json!({
        "job_id": begun["job_id"],
        "status": "READY",
        "summary": "Of 1 contributions the first was: The rota for July is agreed.",
    });
    assert_eq!(ready, expected);

    assert_eq!(
        team.delete("/api/v1/rooms/clinic/transcripts", json!({}))
            .await
            .0,
        204
    );
    assert_eq!(
        team.get(&path).await.1,
        expected,
        "a summary outlives what it sums up"
    );
    assert_eq!(
        team.delete("/api/v1/rooms/clinic/summaries", json!({}))
            .await
            .0,
        204
    );
    assert_eq!(team.get(&path).await, (422, refusal));
}
