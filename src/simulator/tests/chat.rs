use serde_json::{Value, json};

use super::{Team, meeting, person};

#[tokio::test]
async fn a_message_needs_a_live_session_and_is_of_it() {
    let team = Team::start();
    team.room("clinic").await;
    let hello = json!({ "message": "Hello" });
    let refusal = json!({ "message": "The room has no live session." });
    let sent = team.post("/api/v1/rooms/clinic/chat", hello.clone()).await;
    assert_eq!(sent, (422, refusal));
    let (status, _) = team.post("/api/v1/rooms/nowhere/chat", hello).await;
    assert_eq!(status, 404);
    let (status, _) = meeting()
        .await
        .0
        .post("/api/v1/rooms/clinic/chat", json!({ "message": 7 }))
        .await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn messages_are_listed_newest_first_with_who_said_them() {
    let (team, session) = meeting().await;
    let ada = team.present("clinic").await;
    let breakout = "41c7e5d9-0b68-4f2a-9d3c-76a1b8e2f054";
    let said =
        json!({ "participant": { "id": ada["id"] }, "message": "Hi", "breakout_id": breakout });
    assert_eq!(team.post("/_sim/rooms/clinic/chat", said).await.0, 200);
    let sent = team
        .post("/api/v1/rooms/clinic/chat", json!({ "message": "Hello" }))
        .await;
    assert_eq!(sent, (200, json!({})));
    let (_, page) = team.get("/api/v1/rooms/clinic/chat").await;
    assert_eq!(
        page,
        json!({ "total_count": 2, "data": [
            {
                "id": page["data"][0]["id"],
                "message": "Hello",
                "participant_id": null,
                "external_participant_id": null,
                "participant_name": null,
                "created_at": "2026-06-09T10:13:20.000000Z",
            },
            {
                "id": page["data"][1]["id"],
                "message": "Hi",
                "participant_id": ada["id"],
                "external_participant_id": "user-1",
                "participant_name": "Ada",
                "created_at": "2026-06-09T10:13:20.000000Z",
                "breakout_id": breakout,
            },
        ]})
    );
    for (session, found) in [(session.as_str(), 2), (breakout, 0)] {
        let path = format!("/api/v1/rooms/clinic/chat?session_id={session}");
        assert_eq!(team.get(&path).await.1["total_count"], found);
    }
    let odd = "/api/v1/rooms/clinic/chat?session_id=latest";
    assert_eq!(team.get(odd).await.0, 422);
}

#[tokio::test]
async fn chat_is_exported_in_four_formats_all_of_them_called_plain_text() {
    let (team, _) = meeting().await;
    let said = json!({ "participant": person("user-2"), "message": "Hi, \"all\"" });
    team.post("/_sim/rooms/clinic/chat", said).await;
    let path = "/api/v1/rooms/clinic/chat/export";
    let (text, kind) = team.file(path).await;
    assert_eq!(kind, "text/plain; charset=UTF-8");
    assert_eq!(text, b"2026-06-09T10:13:20.000000Z\tBen\tHi, \"all\"\n");
    let (csv, _) = team.file(&format!("{path}?format=csv")).await;
    let rows = "created_at,participant_name,message\n2026-06-09T10:13:20.000000Z,Ben,\"Hi, \"\"all\"\"\"\n";
    assert_eq!(String::from_utf8(csv).unwrap(), rows);
    let (json, _) = team.file(&format!("{path}?format=json&locale=de")).await;
    let (_, page) = team.get("/api/v1/rooms/clinic/chat").await;
    assert_eq!(
        serde_json::from_slice::<Value>(&json).unwrap(),
        page["data"]
    );
    let (zip, kind) = team.file(&format!("{path}?format=zip")).await;
    assert_eq!(kind, "text/plain");
    let archive = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
    let mut names: Vec<_> = archive.file_names().map(Result::unwrap).collect();
    names.sort_unstable();
    assert_eq!(names, ["chat.csv", "chat.json", "chat.txt"]);
    for odd in ["format=pdf", "locale=xx", "lang=xx"] {
        assert_eq!(team.get(&format!("{path}?{odd}")).await.0, 422, "{odd}");
    }
}

#[tokio::test]
async fn chat_is_deleted_by_room_and_by_session() {
    let (team, session) = meeting().await;
    let by_session = format!("/api/v1/sessions/{session}/chat");
    for path in ["/api/v1/rooms/clinic/chat", &by_session] {
        team.post("/api/v1/rooms/clinic/chat", json!({ "message": "Hello" }))
            .await;
        assert_eq!(
            team.delete(path, json!({})).await,
            (204, json!("")),
            "{path}"
        );
        let (_, page) = team.get("/api/v1/rooms/clinic/chat").await;
        assert_eq!(page["total_count"], 0, "{path}");
    }
}

#[tokio::test]
async fn chat_goes_with_a_room_s_resources_once_the_session_is_over() {
    let (team, session) = meeting().await;
    let hello = json!({ "message": "Hello" });
    team.post("/api/v1/rooms/clinic/chat", hello).await;
    let resources = "/api/v1/rooms/clinic/resources";
    assert_eq!(team.delete(resources, json!({})).await.0, 422);
    team.post(&format!("/api/v1/sessions/{session}/end"), json!({}))
        .await;
    assert_eq!(team.delete(resources, json!({})).await.0, 204);
    let (_, page) = team.get("/api/v1/rooms/clinic/chat").await;
    assert_eq!(page["total_count"], 0);
}
