//! The main job, from a token to a link.

use room_broker::simulator::identity_provider::User;
use serde_json::json;

use crate::support::{START, TEAM_ID, TestApp, claims_of};

#[tokio::test]
async fn a_teacher_creates_the_room_and_a_student_follows_in_another_role() {
    let app = TestApp::spawn().await;
    let teacher = app.join(&app.token(User::Ada), "course-101").await;
    let student = app.join(&app.token(User::Ben), "course-101").await;
    assert_eq!(
        (teacher.status, student.status),
        (200, 200),
        "{teacher:?} {student:?}"
    );
    let (teacher, student) = (teacher.json(), student.json());
    assert_eq!(
        teacher["participant"],
        json!({ "id": "ada", "name": "Ada Winter", "role": "moderator" })
    );
    assert_eq!(
        student["participant"],
        json!({ "id": "ben", "name": "Ben Okoye", "role": "attendee" })
    );
    assert_eq!(
        (&teacher["room"]["created"], &student["room"]["created"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(teacher["room"]["id"], student["room"]["id"]);
    assert_eq!(app.upstream.creations(), 1);
}

#[tokio::test]
async fn the_token_says_what_policy_decided_and_nothing_more() {
    let app = TestApp::spawn().await;
    let joined = app.join(&app.token(User::Ada), "course-101").await.json();
    let now = START.seconds();
    assert_eq!(
        claims_of(joined["token"].as_str().unwrap()),
        json!({
            "td": TEAM_ID, "rd": joined["room"]["id"], "ud": "ada", "u": "Ada Winter", "role": "moderator",
            "avatar": "https://pictures.school.example/ada.png",
            "iat": now, "nbf": now - 5, "exp": now + 3600,
        })
    );
    assert_eq!(joined["expires_at"], now + 3600);
    assert_eq!(joined["join_url"], joined["link"]);
}

#[tokio::test]
async fn the_link_opens_the_room_in_that_role() {
    let app = TestApp::spawn().await;
    let joined = app.join(&app.token(User::Ada), "course-101").await.json();
    let page = app
        .answer(app.http.get(joined["join_url"].as_str().unwrap()))
        .await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("moderator") && page.text.contains("Ada Winter"),
        "{}",
        page.text
    );
    assert_eq!(app.upstream.joins().len(), 1);
}
