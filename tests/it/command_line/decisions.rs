//! `policy explain` and `mint`: the policy, asked by an operator.

use serde_json::{Value, json};

use super::with_config;
use crate::support::claims_of;
use crate::support::process::{World, run};

/// Claims of a teacher of course 101.
fn teacher() -> String {
    json!({ "sub": "t1", "name": "Tess", "groups": ["teacher:101"] }).to_string()
}

#[tokio::test]
async fn explain_says_which_rule_decides_and_exits_with_3_for_a_refusal() {
    let world = World::new();
    let text = world.configuration();
    let explain = async |room: &str, more: &[&str]| {
        let claims = teacher();
        let mut arguments = vec!["policy", "explain", "--claims", &claims, "--room", room];
        arguments.extend_from_slice(more);
        run(with_config(&world, &arguments, &text)).await
    };
    let admitted = explain("course-101", &[]).await;
    assert_eq!(admitted.code, 0, "{}", admitted.err);
    assert!(admitted.out.contains("teachers moderate") && admitted.out.contains("moderator"));
    let refused = explain("course-102", &[]).await;
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(refused.out.contains("teachers moderate"), "{}", refused.out);
    let too_much = explain("course-101", &["--role", "speaker"]).await;
    assert_eq!(too_much.code, 3, "{}", too_much.err);
    for (room, code) in [("course-101", 0), ("course-102", 3)] {
        let told = explain(room, &["--json"]).await;
        assert_eq!(told.code, code);
        let told: Value = serde_json::from_str(&told.out).unwrap();
        assert!(told.to_string().contains("teachers moderate"), "{told}");
    }
}

#[tokio::test]
async fn claims_can_come_from_a_file_and_must_be_an_object() {
    let world = World::new();
    let text = world.configuration();
    let claims = format!("@{}", world.write("claims.json", &teacher()).display());
    for (claims, code) in [(claims.as_str(), 0), ("@/nowhere", 1), ("[]", 1), ("{", 1)] {
        let arguments = [
            "policy",
            "explain",
            "--claims",
            claims,
            "--room",
            "course-101",
        ];
        let ended = run(with_config(&world, &arguments, &text)).await;
        assert_eq!(ended.code, code, "{claims} {}", ended.err);
    }
}

#[tokio::test]
async fn mint_prints_a_link_that_opens_the_room() {
    let world = World::new();
    let text = world.configuration();
    let claims = teacher();
    let arguments = ["mint", "--claims", &claims, "--room", "course-101"];
    let ended = run(with_config(&world, &arguments, &text)).await;
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(ended.out.lines().count(), 1, "{}", ended.out);
    let link = ended.out.trim();
    let page = world.http.get(link).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let (_, token) = link.split_once("?token=").unwrap();
    let claims = claims_of(token);
    assert_eq!(
        (&claims["ud"], &claims["u"], &claims["role"]),
        (&json!("t1"), &json!("Tess"), &json!("moderator"))
    );
    assert_eq!(world.upstream.creations(), 1);
}

#[tokio::test]
async fn mint_refuses_what_policy_refuses() {
    let world = World::new();
    let text = world.configuration();
    let claims = teacher();
    let arguments = ["mint", "--claims", &claims, "--room", "course-102"];
    let ended = run(with_config(&world, &arguments, &text)).await;
    assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{}", ended.err);
    assert!(ended.err.starts_with("error: "), "{}", ended.err);
    assert_eq!(world.upstream.creations(), 0);
}
