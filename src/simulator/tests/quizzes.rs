use serde_json::{Value, json};

use super::{Team, meeting, person};

const QUIZZES: &str = "/api/v1/rooms/clinic/quizzes";

fn quiz() -> Value {
    json!({
        "title": "Bones",
        "time_limit_minutes": 45,
        "questions": [{ "text": "Which is in the leg?", "multiple": false, "choices": [
            { "text": "Femur", "correct": true },
            { "text": "Ulna" },
        ]}],
    })
}

impl Team {
    /// Where single ones are: only under the room's id.
    async fn quizzes(&self) -> String {
        let (_, room) = self.get("/api/v1/rooms/clinic").await;
        format!("/api/v1/rooms/{}/quizzes", room["id"].as_str().unwrap())
    }

    async fn with_quiz(&self) -> (Value, String) {
        let (status, quiz) = self.post(QUIZZES, quiz()).await;
        assert_eq!(status, 200, "{quiz}");
        let path = format!("{}/{}", self.quizzes().await, quiz["id"].as_str().unwrap());
        (quiz, path)
    }
}

#[tokio::test]
async fn a_quiz_is_made_read_listed_without_questions_changed_and_deleted() {
    let (team, _) = meeting().await;
    let (made, path) = team.with_quiz().await;
    let question = &made["questions"][0];
    let [femur, ulna] = [&question["choices"][0], &question["choices"][1]];
    assert_eq!(
        made,
        json!({
            "id": made["id"],
            "title": "Bones",
            "time_limit_minutes": 45,
            "status": "created",
            "questions": [{
                "id": question["id"],
                "text": "Which is in the leg?",
                "multiple": false,
                "choices": [
                    { "id": femur["id"], "text": "Femur", "correct": true },
                    { "id": ulna["id"], "text": "Ulna", "correct": false },
                ],
            }],
            "created_at": "2026-06-09T10:13:20Z",
        })
    );
    assert_eq!(team.get(&path).await, (200, made.clone()));
    let (_, page) = team.get(QUIZZES).await;
    assert_eq!(page["total_count"], 1);
    assert!(page["data"][0].get("questions").is_none());

    let change = json!({ "time_limit_seconds": 90, "questions": [
        { "id": question["id"], "choices": [{ "id": ulna["id"], "text": "Radius" }, { "text": "Tibia", "correct": true }] },
        { "text": "And which in the arm?", "choices": [{ "text": "Ulna", "correct": true }, { "text": "Femur" }] },
    ]});
    let (status, changed) = team.patch(&path, change).await;
    assert_eq!((status, &changed["time_limit_minutes"]), (200, &json!(2)));
    let first = &changed["questions"][0];
    assert_eq!(
        (&first["id"], &first["text"]),
        (&question["id"], &question["text"])
    );
    let radius = json!({ "id": ulna["id"], "text": "Radius", "correct": false });
    assert_eq!(first["choices"][0], radius);
    assert_ne!(first["choices"][1]["id"], femur["id"]);
    let renamed = json!({ "title": "Anatomy", "questions": null });
    let (_, renamed) = team.patch(&path, renamed).await;
    assert_eq!(renamed["questions"], changed["questions"]);
    assert_eq!(team.delete(&path, json!({})).await, (204, json!("")));
    assert_eq!(team.get(&path).await.0, 404);
}

#[tokio::test]
async fn each_wrong_field_of_a_quiz_is_refused_by_its_name() {
    let (team, _) = meeting().await;
    let (_, path) = team.with_quiz().await;
    for (field, value, named) in [
        ("title", json!("a".repeat(513)), "title"),
        ("timing_mode", json!("room"), "timing_mode"),
        ("time_limit_seconds", json!(86_401), "time_limit_seconds"),
        ("time_limit_minutes", json!(0), "time_limit_minutes"),
        ("passing_score", json!(100.5), "passing_score"),
        ("questions", json!([]), "questions"),
        (
            "questions",
            json!([{ "choices": [{ "text": "a" }, { "text": "b" }] }]),
            "questions.0.text",
        ),
        (
            "questions",
            json!([{ "text": "Why?" }]),
            "questions.0.choices",
        ),
        (
            "questions",
            json!([{ "text": "Why?", "choices": [{ "text": "a" }] }]),
            "questions.0.choices",
        ),
        (
            "questions",
            json!([{ "text": "Why?", "choices": [{ "text": "a" }, {}] }]),
            "questions.0.choices.1.text",
        ),
        (
            "questions",
            json!([{ "text": "Why?", "choices": [{ "text": "a" }, { "text": "b", "correct": "no" }] }]),
            "questions.0.choices.1.correct",
        ),
    ] {
        let mut body = quiz();
        body[field] = value;
        for (status, answer) in [
            team.post(QUIZZES, body.clone()).await,
            team.patch(&path, body.clone()).await,
        ] {
            assert_eq!(status, 422, "{body}");
            assert!(answer["errors"][named][0].is_string(), "{body}: {answer}");
        }
    }
    assert_eq!(team.post(QUIZZES, json!({ "title": "Bones" })).await.0, 422);
    assert_eq!(team.patch(&path, json!({ "title": "Bones" })).await.0, 422);
    let mut foreign = quiz();
    foreign["questions"][0]["id"] = json!("41c7e5d9-0b68-4f2a-9d3c-76a1b8e2f054");
    let (status, answer) = team.patch(&path, foreign).await;
    assert_eq!(status, 422);
    assert!(answer["errors"]["questions.0.id"].is_array(), "{answer}");
}

#[tokio::test]
async fn results_tell_who_chose_what_in_each_session() {
    let (team, session) = meeting().await;
    let (made, path) = team.with_quiz().await;
    let question = &made["questions"][0];
    let [femur, ulna] = [&question["choices"][0]["id"], &question["choices"][1]["id"]];
    let vote = path.replace("/api/v1", "/_sim") + "/votes";
    let ballot = json!({ "participant": person("user-2"), "choices": [femur] });
    assert_eq!(team.post(&vote, ballot).await.0, 204);
    let expected = json!([{
        "id": made["id"],
        "session_id": session,
        "title": "Bones",
        "status": "launched",
        "started": "2026-06-09T10:13:20Z",
        "ended": null,
        "questions": [{
            "id": question["id"],
            "question": "Which is in the leg?",
            "voted": 1,
            "votes": [
                { "id": femur, "text": "Femur", "voted": 1, "voters": [{ "id": null, "name": "Ben" }] },
                { "id": ulna, "text": "Ulna", "voted": 0, "voters": [] },
            ],
        }],
    }]);
    let results = format!("{path}/results");
    assert_eq!(team.get(&results).await, (200, expected));
    let other = format!("{results}?session_id=41c7e5d9-0b68-4f2a-9d3c-76a1b8e2f054");
    assert_eq!(team.get(&other).await, (200, json!([])));
    assert_eq!(team.get(&path).await.1["status"], "launched");

    let export = format!("{}/export", team.quizzes().await);
    let (csv, _) = team.file(&format!("{export}?format=csv&locale=es")).await;
    assert_eq!(
        String::from_utf8(csv).unwrap(),
        "quiz_title,question,choice,correct,voted\n\
         Bones,Which is in the leg?,Femur,true,1\n\
         Bones,Which is in the leg?,Ulna,false,0\n"
    );
    let (json, _) = team.file(&format!("{export}?format=json")).await;
    let exported: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(
        (&exported[0]["passing_score"], &exported[0]["title"]),
        (&json!(50.0), &json!("Bones"))
    );
    let (zip, kind) = team.file(&format!("{export}?format=zip")).await;
    assert_eq!(
        (zip.get(..2), kind.as_str()),
        (Some(&b"PK"[..]), "text/plain")
    );
}

#[tokio::test]
async fn quizzes_go_by_room_all_and_by_session_only_those_that_its_participants_made() {
    let (team, session) = meeting().await;
    let (made, _) = team.with_quiz().await;
    assert_eq!(team.post("/_sim/rooms/clinic/quizzes", quiz()).await.0, 200);
    let path = format!("/api/v1/sessions/{session}/quizzes");
    assert_eq!(team.delete(&path, json!({})).await, (204, json!("")));
    let (_, page) = team.get(QUIZZES).await;
    assert_eq!(
        (&page["total_count"], &page["data"][0]["id"]),
        (&json!(1), &made["id"])
    );
    assert_eq!(team.delete(QUIZZES, json!({})).await, (204, json!("")));
    assert_eq!(team.get(QUIZZES).await.1["total_count"], 0);
}

#[tokio::test]
async fn rows_with_one_title_are_imported_as_one_quiz() {
    let (team, _) = meeting().await;
    let (template, _) = team
        .file(&format!("{}/template", team.quizzes().await))
        .await;
    let import = format!("{}/import", team.quizzes().await);
    let done = team.upload(&import, "file", "quizzes.csv", &template).await;
    assert_eq!(done, (200, json!({})));
    let (_, page) = team.get(QUIZZES).await;
    assert_eq!(
        (&page["total_count"], &page["data"][0]["time_limit_minutes"]),
        (&json!(1), &json!(10))
    );
    let path = format!(
        "{}/{}",
        team.quizzes().await,
        page["data"][0]["id"].as_str().unwrap()
    );
    let (_, quiz) = team.get(&path).await;
    let arm = &quiz["questions"][1];
    assert_eq!(arm["multiple"], true);
    let correct: Vec<_> = arm["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["correct"])
        .collect();
    assert_eq!(correct, [&json!(false), &json!(true), &json!(true)]);
}

#[tokio::test]
async fn a_row_that_makes_no_question_is_refused_by_its_number() {
    let (team, _) = meeting().await;
    let headings = "quiz_title,timing_mode,time_limit_seconds,passing_score,question,correct,type,option1,option2";
    for (row, problem) in [
        (
            "Bones,quiz,600,50,Which?,Tibia,single,Femur,Ulna",
            "correct must name options",
        ),
        (
            "Bones,quiz,600,50,Which?,,single,Femur,Ulna",
            "correct must name options",
        ),
        (
            "Bones,quiz,600,50,Which?,Femur,ranked,Femur,Ulna",
            "type must be single or multiple",
        ),
        (
            "Bones,quiz,600,50,Which?,Femur|Ulna,single,Femur,Ulna",
            "type must be single or multiple",
        ),
        (
            "Bones,quiz,soon,50,Which?,Femur,single,Femur,Ulna",
            "The time limit seconds field must be a number from 1 to 86400",
        ),
        (
            ",quiz,600,50,Which?,Femur,single,Femur,Ulna",
            "The title field is required",
        ),
        (
            "Bones,room,600,50,Which?,Femur,single,Femur,Ulna",
            "The timing mode chosen is invalid",
        ),
    ] {
        let file = format!("{headings}\n{row}\n");
        let import = format!("{}/import", team.quizzes().await);
        let (status, answer) = team
            .upload(&import, "file", "quizzes.csv", file.as_bytes())
            .await;
        let problem = format!("The file is faulty in row 2: {problem}.");
        assert_eq!((status, &answer["message"]), (422, &json!(problem)));
    }
    assert_eq!(team.get(QUIZZES).await.1["total_count"], 0);
}
