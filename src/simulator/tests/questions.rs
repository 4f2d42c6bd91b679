use serde_json::{Value, json};

use super::{Team, meeting, person, visitor};

const QUESTIONS: &str = "/api/v1/rooms/clinic/questions";
const NOBODY: &str = "41c7e5d9-0b68-4f2a-9d3c-76a1b8e2f054";

/// A meeting with one question, by Ben; the path of the question, and the session.
async fn asked() -> (Team, String, String) {
    let (team, session) = meeting().await;
    let body = json!({ "participant": person("user-2"), "question": "Why?" });
    assert_eq!(team.post(QUESTIONS, body).await, (200, json!({})));
    let (_, page) = team.get(QUESTIONS).await;
    let path = format!("{QUESTIONS}/{}", page["data"][0]["id"].as_str().unwrap());
    (team, path, session)
}

impl Team {
    /// The only question of the room, with what only the export tells.
    async fn exported(&self) -> Value {
        let (json, _) = self.file(&format!("{QUESTIONS}/export?format=json")).await;
        let questions: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(questions.as_array().unwrap().len(), 1);
        questions[0].clone()
    }
}

fn by(participant: &Value) -> Value {
    json!({ "participant": participant })
}

#[tokio::test]
async fn a_question_is_shown_with_its_answers_and_who_gave_them() {
    let (team, question, _) = asked().await;
    let ada = team.present("clinic").await;
    let answer = json!({ "participant": { "id": ada["id"] }, "answer": "So." });
    assert_eq!(
        team.post(&format!("{question}/answers"), answer).await,
        (200, json!({}))
    );
    let (_, page) = team.get(QUESTIONS).await;
    let shown = page["data"][0].clone();
    let at = "2026-06-09T10:13:20.000000Z";
    assert_eq!(
        shown,
        json!({
            "id": shown["id"],
            "question": "Why?",
            "participant_id": null,
            "external_participant_id": "user-2",
            "participant_name": "Ben",
            "created_at": at,
            "answers": [{
                "id": shown["answers"][0]["id"],
                "answer": "So.",
                "private": false,
                "participant_id": ada["id"],
                "external_participant_id": "user-1",
                "participant_name": "Ada",
                "created_at": at,
            }],
        })
    );
    let answer = format!(
        "{question}/answers/{}",
        shown["answers"][0]["id"].as_str().unwrap()
    );
    let better = json!({ "participant": person("user-2"), "answer": "Because." });
    assert_eq!(team.patch(&answer, better).await, (200, json!({})));
    let (_, page) = team.get(QUESTIONS).await;
    assert_eq!(page["data"][0]["answers"][0]["answer"], "Because.");
    let gone = team.delete(&answer, by(&person("user-2"))).await;
    assert_eq!(gone, (204, json!("")));
    assert_eq!(team.get(QUESTIONS).await.1["data"][0]["answers"], json!([]));
    assert_eq!(team.delete(&answer, by(&person("user-2"))).await.0, 404);
}

#[tokio::test]
async fn an_anonymous_question_names_nobody_and_one_of_a_present_person_names_their_id() {
    let (team, _) = meeting().await;
    let ada = team.present("clinic").await;
    for anonymous in [true, false] {
        let body = json!({
            "participant": person("user-1"),
            "question": "Why?",
            "anonymous": anonymous,
        });
        assert_eq!(team.post(QUESTIONS, body).await.0, 200);
        let (_, page) = team.get(QUESTIONS).await;
        let expected = if anonymous {
            Value::Null
        } else {
            ada["id"].clone()
        };
        assert_eq!(page["data"][0]["participant_id"], expected);
    }
}

#[tokio::test]
async fn whoever_acts_is_required_and_known_or_named_in_full() {
    let (team, question, _) = asked().await;
    team.room("elsewhere").await;
    assert!(team.samba.enter("elsewhere", visitor("user-9", "attendee")));
    let stranger = team.present("elsewhere").await;
    for (participant, field) in [
        (json!({ "id": stranger["id"] }), "participant.id"),
        (Value::Null, "participant"),
        (json!("Ben"), "participant"),
        (json!({}), "participant.name"),
        (json!({ "name": "Ben" }), "participant.external_id"),
        (json!({ "id": "ben" }), "participant.id"),
        (json!({ "id": NOBODY }), "participant.id"),
    ] {
        let body = by(&participant);
        for (status, answer) in [
            team.delete(&question, body.clone()).await,
            team.post(&format!("{question}/vote"), body.clone()).await,
            team.delete(&format!("{question}/vote"), body.clone()).await,
        ] {
            assert_eq!(status, 422, "{body}");
            assert!(answer["errors"][field][0].is_string(), "{body}: {answer}");
        }
    }
    let empty = json!({ "participant": person("user-2"), "question": "" });
    assert_eq!(team.patch(&question, empty).await.0, 422);
    let other = format!("{QUESTIONS}/{NOBODY}/dismiss");
    assert_eq!(team.post(&other, by(&person("user-2"))).await.0, 404);
}

#[tokio::test]
async fn a_person_has_one_vote_and_can_take_it_back() {
    let (team, question, _) = asked().await;
    let vote = format!("{question}/vote");
    for person in [person("user-2"), person("user-2"), person("user-3")] {
        assert_eq!(team.post(&vote, by(&person)).await, (200, json!({})));
    }
    assert_eq!(team.exported().await["votes"], 2);
    let taken = team.delete(&vote, by(&person("user-2"))).await;
    assert_eq!(taken, (204, json!("")));
    assert_eq!(team.exported().await["votes"], 1);
}

#[tokio::test]
async fn a_question_is_dismissed_reopened_answered_live_and_changed() {
    let (team, question, _) = asked().await;
    let nothing = json!({ "message": "No live answer is going on." });
    let stop = format!("{question}/live-answers/stop");
    let refused = team.post(&stop, by(&person("user-2"))).await;
    assert_eq!(refused, (422, nothing));
    for (action, field, value) in [
        ("dismiss", "dismissed", true),
        ("reopen", "dismissed", false),
        ("live-answers/start", "live_answer", true),
        ("live-answers/stop", "live_answer", false),
        ("live-answers/start", "live_answer", true),
        ("live-answers/cancel", "live_answer", false),
    ] {
        let path = format!("{question}/{action}");
        let done = team.post(&path, by(&person("user-2"))).await;
        assert_eq!(done, (200, json!({})), "{action}");
        assert_eq!(team.exported().await[field], value, "{action}");
    }
    let better = json!({ "participant": person("user-2"), "question": "Why not?" });
    assert_eq!(team.patch(&question, better).await, (200, json!({})));
    assert_eq!(team.exported().await["question"], "Why not?");
    let (text, _) = team.file(&format!("{QUESTIONS}/export")).await;
    assert_eq!(text, b"2026-06-09T10:13:20.000000Z\tBen\tWhy not?\n");
    assert_eq!(team.delete(&question, by(&person("user-2"))).await.0, 204);
    assert_eq!(team.get(QUESTIONS).await.1["total_count"], 0);
}

#[tokio::test]
async fn a_live_answer_ends_with_the_session() {
    let (team, question, session) = asked().await;
    team.post(
        &format!("{question}/live-answers/start"),
        by(&person("user-2")),
    )
    .await;
    team.post(&format!("/api/v1/sessions/{session}/end"), json!({}))
        .await;
    assert_eq!(team.exported().await["live_answer"], false);
}

#[tokio::test]
async fn questions_are_deleted_by_room_and_by_session() {
    for by_session in [true, false] {
        let (team, _, session) = asked().await;
        let path = if by_session {
            format!("/api/v1/sessions/{session}/questions")
        } else {
            QUESTIONS.to_owned()
        };
        let of_session = format!("{QUESTIONS}?session_id={session}");
        assert_eq!(team.get(&of_session).await.1["total_count"], 1);
        assert_eq!(team.delete(&path, json!({})).await, (204, json!("")));
        assert_eq!(team.get(QUESTIONS).await.1["total_count"], 0);
    }
}
