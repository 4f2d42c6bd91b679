//! A claim that is missing, or found in another form, gives the least right or none.

use serde_json::{Value, json};

use super::{outcome, spawn, token};
use crate::support::TestApp;

async fn assert_outcome(app: &TestApp, room: &str, expected: (u16, &str), cases: &[Value]) {
    for claims in cases {
        let answer = app.join(&token(app, claims), room).await;
        let expected = (expected.0, expected.1.to_owned());
        assert_eq!(outcome(&answer), expected, "{claims} asks for {room}");
    }
}

#[tokio::test]
async fn groups_are_a_list_of_texts_and_compared_to_the_letter() {
    let app = spawn().await;
    let teacher = json!({ "groups": ["teacher:101"] });
    assert_outcome(&app, "course-101", (200, "moderator"), &[teacher]).await;
    let refused = [
        json!({ "groups": "teacher:101" }),
        json!({ "groups": [["teacher:101"]] }),
        json!({ "groups": { "teacher:101": true } }),
        json!({ "groups": [101, true, {}] }),
        json!({ "groups": ["Teacher:101"] }),
        json!({ "groups": ["teacher:101 "] }),
        json!({ "groups": ["teacher:1"] }),
        json!({ "groups": ["teacher:"] }),
        json!({ "groups": ["teacher:101,student:101"] }),
        json!({ "groups": [] }),
        json!({ "realm_access": { "groups": ["teacher:101"] } }),
        json!({ "/groups": ["teacher:101"] }),
        json!({ "roles": ["teacher:101"] }),
    ];
    assert_outcome(&app, "course-101", (403, "forbidden"), &refused).await;
    let among_others = json!({ "groups": [1, "student:101", null] });
    assert_outcome(&app, "course-101", (200, "attendee"), &[among_others]).await;
}

#[tokio::test]
async fn a_raw_claim_is_found_in_its_own_place_and_form() {
    let app = spawn().await;
    let staff = json!({ "groups": ["staff"], "org": { "name": "acme" } });
    assert_outcome(&app, "staff-room", (200, "moderator"), &[staff]).await;
    let refused = [
        json!({ "groups": ["staff"] }),
        json!({ "groups": ["staff"], "org": "acme" }),
        json!({ "groups": ["staff"], "org": ["acme"] }),
        json!({ "groups": ["staff"], "org": { "name": ["acme"] } }),
        json!({ "groups": ["staff"], "org": { "Name": "acme" } }),
        json!({ "groups": ["staff"], "org.name": "acme" }),
        json!({ "groups": ["staff"], "name": "acme" }),
    ];
    assert_outcome(&app, "staff-room", (403, "forbidden"), &refused).await;
}

#[tokio::test]
async fn a_claim_that_cannot_be_compared_lets_no_later_rule_give_more() {
    let app = spawn().await;
    let seniors = [json!({ "level": 3 })];
    assert_outcome(&app, "hall", (200, "speaker"), &seniors).await;
    let refused = [
        json!({ "level": "3" }),
        json!({ "level": [3] }),
        json!({ "level": true }),
        json!({ "level": { "number": 3 } }),
    ];
    assert_outcome(&app, "hall", (403, "forbidden"), &refused).await;
    let least = [json!({}), json!({ "level": 2 }), json!({ "level": -1 })];
    assert_outcome(&app, "hall", (200, "attendee"), &least).await;
}

#[tokio::test]
async fn a_rule_that_refuses_holds_where_its_claim_is_missing() {
    let app = spawn().await;
    let seniors = [json!({ "level": 3 })];
    assert_outcome(&app, "hall", (200, "speaker"), &seniors).await;
    let missing = [json!({ "suspended": null }), json!({ "suspended": true })];
    assert_outcome(&app, "hall", (403, "forbidden"), &missing).await;
    let other_form = [json!({ "suspended": "true" }), json!({ "suspended": 1 })];
    assert_outcome(&app, "hall", (200, "attendee"), &other_form).await;
}
