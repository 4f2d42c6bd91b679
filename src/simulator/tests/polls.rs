use serde_json::{Value, json};

use super::{Team, meeting, person};

const POLLS: &str = "/api/v1/rooms/clinic/polls";

fn poll() -> Value {
    json!({
        "question": "Which topic?",
        "type": "multiple",
        "anonymous": false,
        "options": [{ "text": "Anatomy" }, { "text": "Biology" }],
    })
}

impl Team {
    /// Where single ones are: only under the room's id.
    async fn polls(&self) -> String {
        let (_, room) = self.get("/api/v1/rooms/clinic").await;
        format!("/api/v1/rooms/{}/polls", room["id"].as_str().unwrap())
    }

    async fn with_poll(&self, body: Value) -> (Value, String) {
        let (status, poll) = self.post(POLLS, body).await;
        assert_eq!(status, 200, "{poll}");
        let path = format!("{}/{}", self.polls().await, poll["id"].as_str().unwrap());
        (poll, path)
    }
}

#[tokio::test]
async fn a_poll_is_made_read_listed_without_options_changed_and_deleted() {
    let (team, _) = meeting().await;
    let (made, path) = team.with_poll(poll()).await;
    let options = &made["options"];
    assert_eq!(
        made,
        json!({
            "id": made["id"],
            "question": "Which topic?",
            "status": "draft",
            "multiple": true,
            "anonymous": false,
            "options": [
                { "id": options[0]["id"], "text": "Anatomy" },
                { "id": options[1]["id"], "text": "Biology" },
            ],
            "created_at": "2026-06-09T10:13:20Z",
        })
    );
    assert_eq!(team.get(&path).await, (200, made.clone()));
    let (_, page) = team.get(POLLS).await;
    assert_eq!(page["total_count"], 1);
    assert!(page["data"][0].get("options").is_none());

    let change = json!({ "type": "single", "options": [
        { "id": options[1]["id"], "text": "Botany" },
        { "text": "Chemistry" },
    ]});
    let (status, changed) = team.patch(&path, change).await;
    assert_eq!((status, &changed["multiple"]), (200, &json!(false)));
    assert_eq!(changed["question"], "Which topic?");
    assert_eq!(
        changed["options"][0],
        json!({ "id": options[1]["id"], "text": "Botany" })
    );
    assert_ne!(changed["options"][1]["id"], options[0]["id"]);
    assert_eq!(team.delete(&path, json!({})).await, (204, json!("")));
    assert_eq!(team.get(&path).await.0, 404);
}

#[tokio::test]
async fn each_wrong_field_of_a_poll_is_refused_by_its_name() {
    let (team, _) = meeting().await;
    let (_, path) = team.with_poll(poll()).await;
    let text = "a".repeat(513);
    for (field, value, named) in [
        ("question", json!("Why?"), "question"),
        ("anonymous", json!("no"), "anonymous"),
        ("type", json!("ranked"), "type"),
        ("options", json!("Anatomy"), "options"),
        ("options", json!([{ "text": "" }]), "options.0.text"),
        (
            "options",
            json!([{ "text": "a" }, { "text": text }]),
            "options.1.text",
        ),
        (
            "options",
            json!([{ "text": "a", "id": "b" }]),
            "options.0.id",
        ),
        // The name of the reference 1.1 is gone.
        ("options", json!([{ "label": "Anatomy" }]), "options.0.text"),
    ] {
        let mut body = poll();
        body[field] = value;
        for (status, answer) in [
            team.post(POLLS, body.clone()).await,
            team.patch(&path, body.clone()).await,
        ] {
            assert_eq!(status, 422, "{body}");
            assert!(answer["errors"][named][0].is_string(), "{body}: {answer}");
        }
    }
    assert_eq!(team.post(POLLS, json!({})).await.0, 422);
    let foreign =
        json!({ "options": [{ "text": "a", "id": "41c7e5d9-0b68-4f2a-9d3c-76a1b8e2f054" }] });
    let (status, answer) = team.patch(&path, foreign).await;
    assert_eq!(status, 422);
    assert!(answer["errors"]["options.0.id"].is_array(), "{answer}");
    let free = json!({ "question": "Your thoughts?", "type": "free", "options": null });
    assert_eq!(team.post(POLLS, free).await.0, 200);
    let deprecated = json!({ "multiple": true, "options": [] });
    assert_eq!(team.post(POLLS, deprecated).await.1["multiple"], true);
}

#[tokio::test]
async fn results_come_by_session_and_name_voters_unless_the_poll_is_anonymous() {
    for anonymous in [false, true] {
        let (team, session) = meeting().await;
        let ada = team.present("clinic").await;
        let mut body = poll();
        body["anonymous"] = json!(anonymous);
        let (made, path) = team.with_poll(body).await;
        let anatomy = made["options"][0]["id"].clone();
        let vote = path.replace("/api/v1", "/_sim") + "/votes";
        for (participant, choices) in [
            (
                json!({ "id": ada["id"] }),
                json!([made["options"][1]["id"]]),
            ),
            // Once more: only the last counts.
            (json!({ "id": ada["id"] }), json!([anatomy])),
        ] {
            let ballot = json!({ "participant": participant, "choices": choices });
            assert_eq!(team.post(&vote, ballot).await.0, 204);
        }
        let odd = json!({ "participant": { "id": ada["id"] }, "choices": ["Anatomy"] });
        assert_eq!(team.post(&vote, odd).await.0, 422);

        let voters = if anonymous {
            json!([])
        } else {
            json!([{ "id": ada["id"], "name": "Ada" }])
        };
        let mut result = json!({
            "id": made["id"],
            "session_id": session,
            "question": "Which topic?",
            "status": "started",
            "started": "2026-06-09T10:13:20Z",
            "ended": null,
            "votes": 1,
            "options": [
                { "id": anatomy, "text": "Anatomy", "voted": 1, "voters": voters },
                { "id": made["options"][1]["id"], "text": "Biology", "voted": 0, "voters": [] },
            ],
        });
        let results = format!("{path}/results");
        assert_eq!(team.get(&results).await, (200, json!([result])));
        team.post(&format!("/api/v1/sessions/{session}/end"), json!({}))
            .await;
        result["status"] = json!("ended");
        result["ended"] = json!("2026-06-09T10:13:20Z");
        let of_session = format!("{results}?session_id={session}");
        assert_eq!(team.get(&of_session).await, (200, json!([result])));
        assert_eq!(team.get(&path).await.1["status"], "ended");
        let (text, _) = team.file(&format!("{POLLS}/export")).await;
        assert_eq!(
            text,
            b"Which topic?\tAnatomy\t1\nWhich topic?\tBiology\t0\n"
        );
        let (json, _) = team
            .file(&format!("{POLLS}/export?format=json&session_id={session}"))
            .await;
        let exported: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(exported[0]["results"], json!([result]));
        assert_eq!(team.get(&format!("{POLLS}/export?format=csv")).await.0, 422);
    }
}

#[tokio::test]
async fn a_free_poll_counts_words() {
    let (team, _) = meeting().await;
    let free = json!({ "question": "Your thoughts?", "type": "free", "options": [] });
    let (_, path) = team.with_poll(free).await;
    let vote = path.replace("/api/v1", "/_sim") + "/votes";
    for (who, word) in [("user-2", "Fine"), ("user-3", "Fine"), ("user-4", "Dull")] {
        let ballot = json!({ "participant": person(who), "choices": [word] });
        assert_eq!(team.post(&vote, ballot).await.0, 204);
    }
    let (_, results) = team.get(&format!("{path}/results")).await;
    let voted = results[0]["options"].as_array().unwrap().iter();
    let voted: Vec<_> = voted.map(|one| (&one["text"], &one["voted"])).collect();
    assert_eq!(
        voted,
        [(&json!("Dull"), &json!(1)), (&json!("Fine"), &json!(2))]
    );
}

#[tokio::test]
async fn polls_go_by_room_all_and_by_session_only_those_that_its_participants_made() {
    let (team, session) = meeting().await;
    let (made, _) = team.with_poll(poll()).await;
    assert_eq!(team.post("/_sim/rooms/clinic/polls", poll()).await.0, 200);
    let path = format!("/api/v1/sessions/{session}/polls");
    assert_eq!(team.delete(&path, json!({})).await, (204, json!("")));
    let (_, page) = team.get(POLLS).await;
    assert_eq!(
        (&page["total_count"], &page["data"][0]["id"]),
        (&json!(1), &made["id"])
    );
    assert_eq!(team.delete(POLLS, json!({})).await, (204, json!("")));
    assert_eq!(team.get(POLLS).await.1["total_count"], 0);
}

#[tokio::test]
async fn polls_are_imported_as_the_template_shows() {
    let (team, _) = meeting().await;
    let (template, kind) = team.file(&format!("{}/template", team.polls().await)).await;
    assert_eq!(kind, "text/csv; charset=UTF-8");
    let import = format!("{}/import", team.polls().await);
    let done = team.upload(&import, "file", "polls.csv", &template).await;
    assert_eq!(done, (200, json!({})));
    let (_, page) = team.get(POLLS).await;
    assert_eq!(page["data"][0]["question"], "Which topic comes next?");
    let path = format!(
        "{}/{}",
        team.polls().await,
        page["data"][0]["id"].as_str().unwrap()
    );
    assert_eq!(
        team.get(&path).await.1["options"].as_array().unwrap().len(),
        3
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_imported_is_refused_as_a_whole() {
    let (team, _) = meeting().await;
    let import = format!("{}/import", team.polls().await);
    let good = "question,type,option1\nWhich topic?,single,Anatomy\n";
    let big = format!("{good}{}", "\n".repeat(2 * 1024 * 1024));
    let wide: Vec<u8> = std::iter::once(0xFEFF)
        .chain(good.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let faulty = format!("{good}Why?,single,Anatomy\n");
    for (field, name, content, problem) in [
        (
            "poll",
            "polls.csv",
            good.as_bytes(),
            "The file field is required.",
        ),
        (
            "file",
            "polls.pdf",
            good.as_bytes(),
            "The file field must be a file of type: csv, txt.",
        ),
        (
            "file",
            "polls.csv",
            big.as_bytes(),
            "The file field must not be greater than 2048 kilobytes.",
        ),
        (
            "file",
            "polls.csv",
            &wide,
            "The file field must be in UTF-8.",
        ),
        (
            "file",
            "polls.txt",
            b"question\nWhich topic?\n",
            "The file has no column type.",
        ),
        (
            "file",
            "polls.txt",
            b"question,type\n",
            "The file has no rows.",
        ),
        (
            "file",
            "polls.csv",
            faulty.as_bytes(),
            "The file is faulty in row 3: The question field must be 5 to 10000 characters.",
        ),
    ] {
        let (status, answer) = team.upload(&import, field, name, content).await;
        assert_eq!(
            (status, &answer["errors"]["file"]),
            (422, &json!([problem]))
        );
    }
    let (status, _) = team.post(&import, json!({ "file": good })).await;
    assert_eq!(status, 422);
    assert_eq!(team.get(POLLS).await.1["total_count"], 0);
    // What older spreadsheets write is taken.
    let latin = b"question,type,option1\nQu\xE9 tema?,single,Anatom\xEDa\n";
    assert_eq!(
        team.upload(&import, "file", "polls.csv", latin).await.0,
        200
    );
    assert_eq!(team.get(POLLS).await.1["data"][0]["question"], "Qué tema?");
}
