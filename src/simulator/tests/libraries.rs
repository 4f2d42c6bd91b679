use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Team, told};

/// A team with one library; the path of the library.
async fn library() -> (Team, String) {
    let team = Team::start();
    let body = json!({ "name": "Anatomy", "external_id": "dept-112" });
    let (status, library) = team.post("/api/v1/libraries", body).await;
    assert_eq!(status, 200, "{library}");
    let path = format!("/api/v1/libraries/{}", library["id"].as_str().unwrap());
    (team, path)
}

async fn made(team: &Team, path: &str, body: Value) -> Value {
    let (status, made) = team.post(path, body).await;
    assert_eq!(status, 200, "{made}");
    made
}

fn id(thing: &Value) -> &str {
    thing["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_library_is_listed_changed_and_deleted_with_all_that_is_in_it() {
    let (team, path) = library().await;
    let (_, shown) = team.get(&path).await;
    let page = json!({ "total_count": 1, "data": [shown] });
    assert_eq!(team.get("/api/v1/libraries").await, (200, page));
    let (status, changed) = team.patch(&path, json!({ "name": "Biology" })).await;
    assert_eq!((status, &changed["name"]), (200, &json!("Biology")));
    assert_eq!(changed["external_id"], "dept-112");
    assert_eq!(team.patch(&path, json!({ "name": "" })).await.0, 422);
    let folder = made(
        &team,
        &format!("{path}/folders"),
        json!({ "name": "Bones" }),
    )
    .await;
    assert_eq!(team.delete(&path, json!({})).await, (204, json!("")));
    for gone in [
        path.clone(),
        format!("{path}/folders/{}", id(&folder)),
        format!("{path}/files"),
    ] {
        assert_eq!(team.get(&gone).await.0, 404, "{gone}");
    }
}

#[tokio::test]
async fn folders_lie_in_each_other_never_in_themselves_and_go_with_what_is_in_them() {
    let (team, path) = library().await;
    let folders = format!("{path}/folders");
    let bones = made(&team, &folders, json!({ "name": "Bones" })).await;
    assert_eq!(
        bones,
        json!({
            "id": bones["id"],
            "external_id": null,
            "description": "Bones",
            "created_at": "2026-06-09T10:13:20Z",
        })
    );
    let hand = json!({ "name": "Hand", "parent_id": bones["id"] });
    let hand = made(&team, &folders, hand).await;
    let file = json!({ "name": "thumb.png", "folder_id": hand["id"], "file_size": 7 });
    made(&team, &format!("{path}/files"), file).await;

    let (_, tree) = team.get(&format!("{path}/hierarchy")).await;
    assert_eq!(
        (&tree["name"], &tree["files"]),
        (&json!("Anatomy"), &json!([]))
    );
    let inner = &tree["folders"][0]["folders"][0];
    assert_eq!(inner["id"], hand["id"]);
    assert_eq!(inner["files"][0]["name"], "thumb.png");

    let path_of_bones = format!("{folders}/{}", id(&bones));
    for parent in [
        &bones,
        &hand,
        &json!({ "id": "41c7e5d9-0b68-4f2a-9d3c-76a1b8e2f054" }),
    ] {
        let into = json!({ "parent_id": parent["id"] });
        assert_eq!(team.patch(&path_of_bones, into).await.0, 422, "{parent}");
    }
    let out = json!({ "parent_id": null });
    assert_eq!(
        team.patch(&format!("{folders}/{}", id(&hand)), out).await.0,
        200
    );
    let into = json!({ "parent_id": hand["id"] });
    assert_eq!(team.patch(&path_of_bones, into).await.0, 200);
    let (_, page) = team.get(&folders).await;
    assert_eq!(page["total_count"], 2);

    let hand = format!("{folders}/{}", id(&hand));
    assert_eq!(team.delete(&hand, json!({})).await.0, 204);
    assert_eq!(team.get(&folders).await.1["total_count"], 0);
    assert_eq!(team.get(&format!("{path}/files")).await, (200, json!([])));
}

#[tokio::test]
async fn folders_lie_in_each_other_only_so_deep() {
    let (team, path) = library().await;
    let folders = format!("{path}/folders");
    let mut parent = Value::Null;
    for _ in 0..20 {
        let folder = made(&team, &folders, json!({ "parent_id": parent })).await;
        parent = folder["id"].clone();
    }
    let (status, answer) = team.post(&folders, json!({ "parent_id": parent })).await;
    assert_eq!(status, 422, "{answer}");
}

#[tokio::test]
async fn a_file_is_reserved_then_uploaded_once_then_linked_for_a_while() {
    let (team, path) = library().await;
    let files = format!("{path}/files");
    let reserved = json!({ "name": "skull.PNG", "file_size": 5 });
    let reserved = made(&team, &files, reserved).await;
    assert_eq!(reserved["file_name"], "skull.PNG");
    assert_eq!(reserved["expiration_timestamp"], super::NOW + 3600);
    let file = format!("{files}/{}", reserved["file_id"].as_str().unwrap());
    let (_, shown) = team.get(&file).await;
    assert_eq!(
        (&shown["status"], &shown["type"]),
        (&json!("created"), &json!("image"))
    );
    assert_eq!(
        team.get(&format!("{file}/links")).await,
        (200, json!({ "pages": [] }))
    );

    let upload = async |token: &str| {
        let address = reserved["external_storage_url"].as_str().unwrap();
        let request = team.client.put(address).bearer_auth(token).body("bytes!");
        request.send().await.unwrap().status().as_u16()
    };
    let token = reserved["token"].as_str().unwrap();
    assert_eq!((upload(super::KEY).await, upload(token).await), (401, 204));
    assert_eq!(upload(token).await, 401);
    let (_, shown) = team.get(&file).await;
    assert_eq!(
        (&shown["status"], &shown["size"]),
        (&json!("completed"), &json!(6))
    );

    let (_, links) = team.get(&format!("{file}/links")).await;
    let link = links["pages"][0]["url"].as_str().unwrap();
    let fetched = async |address: &str| {
        let answer = team.client.get(address).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(fetched(link).await, (200, "bytes!".to_owned()));
    let later = link.replace("until=1", "until=2");
    assert_eq!(fetched(&later).await.0, 403);
    team.time.advance(Duration::from_secs(3600));
    assert_eq!(fetched(link).await.0, 403);
    assert_eq!(team.delete(&file, json!({})).await.0, 204);
    assert_eq!(team.get(&files).await, (200, json!([])));
}

#[tokio::test]
async fn a_reservation_expires() {
    let (team, path) = library().await;
    let reserved = made(&team, &format!("{path}/files"), json!({})).await;
    team.time.advance(Duration::from_secs(3600));
    let address = reserved["external_storage_url"].as_str().unwrap();
    let token = reserved["token"].as_str().unwrap();
    let request = team.client.put(address).bearer_auth(token).body("late");
    assert_eq!(request.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn web_apps_and_whiteboards_lie_beside_the_files() {
    let (team, path) = library().await;
    for (url, kind) in [
        ("https://www.youtube.com/watch?v=x", "youtube"),
        ("https://tool.example.com/board", "webapp"),
    ] {
        let app = json!({ "url": url, "name": "A tool" });
        let app = made(&team, &format!("{path}/webapps"), app).await;
        assert_eq!((&app["type"], &app["url"]), (&json!(kind), &json!(url)));
        assert_eq!(
            (&app["status"], app.get("size")),
            (&json!("completed"), None)
        );
    }
    let board = json!({ "private": true });
    let board = made(&team, &format!("{path}/whiteboards"), board).await;
    assert_eq!(board["type"], "whiteboard");
    assert!(board["storage_url"].is_string() && board["storage_file_name"].is_string());
    let (_, files) = team.get(&format!("{path}/files?limit=1&order=asc")).await;
    assert_eq!(
        (files.as_array().unwrap().len(), &files[0]["type"]),
        (1, &json!("youtube"))
    );
    let moved = json!({ "folder_id": "41c7e5d9-0b68-4f2a-9d3c-76a1b8e2f054" });
    let file = format!("{path}/files/{}", id(&board));
    assert_eq!(team.patch(&file, moved).await.0, 422);
    let (_, named) = team.patch(&file, json!({ "name": "Sketches" })).await;
    assert_eq!(named["name"], "Sketches");
}

#[tokio::test]
async fn what_is_in_one_library_is_not_in_another() {
    let (team, path) = library().await;
    let folder = made(
        &team,
        &format!("{path}/folders"),
        json!({ "name": "Bones" }),
    )
    .await;
    let other = made(&team, "/api/v1/libraries", json!({})).await;
    let other = format!("/api/v1/libraries/{}", id(&other));
    let there = format!("{other}/folders/{}", id(&folder));
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let request = team.request(method.clone(), &there).json(&json!({}));
        assert_eq!(told(request.send().await.unwrap()).await.0, 404, "{method}");
    }
    let file = json!({ "name": "a.txt", "folder_id": folder["id"] });
    assert_eq!(team.post(&format!("{other}/files"), file).await.0, 422);
}

#[tokio::test]
async fn a_room_takes_its_library_along_only_if_it_is_told_to() {
    let (team, path) = library().await;
    let id = path.rsplit('/').next().unwrap();
    for (flags, left) in [(json!({}), 200), (json!({ "delete_library": true }), 404)] {
        let room = json!({ "friendly_url": "clinic", "library_id": id });
        assert_eq!(team.post("/api/v1/rooms", room).await.0, 200);
        assert_eq!(team.delete("/api/v1/rooms/clinic", flags).await.0, 204);
        assert_eq!(team.get(&path).await.0, left);
    }
}
