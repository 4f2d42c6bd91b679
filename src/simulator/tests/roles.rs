use serde_json::{Value, json};

use super::Team;

#[tokio::test]
async fn a_role_is_made_listed_without_permissions_changed_and_deleted() {
    let team = Team::start();
    let helper = json!({
        "name": "helper",
        "display_name": "Helpers",
        "permissions": { "raise_hand": true, "remote_muting": ["attendee", "speaker"] },
    });
    let (status, made) = team.post("/api/v1/roles", helper).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(made["description"], Value::Null);
    assert_eq!(made["permissions"].as_object().unwrap().len(), 58);
    assert_eq!(made["permissions"]["general_chat"], false);
    let (_, page) = team.get("/api/v1/roles?order=asc").await;
    assert_eq!(page["total_count"], 4);
    assert_eq!(page["data"][3]["id"], made["id"]);
    assert!(page["data"][3].get("permissions").is_none());

    team.time.advance(std::time::Duration::from_secs(60));
    let change = json!({ "name": "aide", "description": "Helps", "permissions": { "remote_muting": ["aide"] } });
    // It does not have that name yet.
    assert_eq!(team.patch("/api/v1/roles/helper", change).await.0, 422);
    let change = json!({ "name": "aide", "description": "Helps", "permissions": { "remote_muting": ["helper"] } });
    let (status, changed) = team.patch("/api/v1/roles/helper", change).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(changed["permissions"]["remote_muting"], json!(["aide"]));
    assert_eq!(changed["permissions"]["raise_hand"], true);
    assert_eq!(changed["updated_at"], "2026-06-09T10:14:20Z");
    assert_eq!(
        team.delete("/api/v1/roles/aide", json!({})).await,
        (204, json!(""))
    );
}

#[tokio::test]
async fn a_permission_that_names_roles_forgets_those_that_are_deleted() {
    let team = Team::start();
    for (name, permissions) in [
        ("guest", json!({})),
        (
            "host",
            json!({ "remove_participant": ["guest", "attendee"] }),
        ),
    ] {
        let role = json!({ "name": name, "display_name": name, "permissions": permissions });
        assert_eq!(team.post("/api/v1/roles", role).await.0, 200);
    }
    assert_eq!(team.delete("/api/v1/roles/guest", json!({})).await.0, 204);
    let (_, host) = team.get("/api/v1/roles/host").await;
    assert_eq!(
        host["permissions"]["remove_participant"],
        json!(["attendee"])
    );
}

#[tokio::test]
async fn each_wrong_field_of_a_role_is_refused_by_its_name() {
    let team = Team::start();
    let role = |permissions: Value| json!({ "name": "helper", "display_name": "Helpers", "permissions": permissions });
    let named = |name: &str| json!({ "name": name, "display_name": "Helpers", "permissions": {} });
    for (body, field) in [
        (json!({}), "name"),
        (
            json!({ "name": "helper", "display_name": "Helpers" }),
            "permissions",
        ),
        (named("with space"), "name"),
        (named(&"a".repeat(31)), "name"),
        (named("attendee"), "name"),
        (
            json!({ "name": "helper", "display_name": "ab", "permissions": {} }),
            "display_name",
        ),
        (role(json!([])), "permissions"),
        (role(json!({ "broadcast": "yes" })), "permissions.broadcast"),
        // Only some permissions tell roles apart, and only roles that are there.
        (
            role(json!({ "broadcast": ["attendee"] })),
            "permissions.broadcast",
        ),
        (
            role(json!({ "remote_muting": ["ghost"] })),
            "permissions.remote_muting",
        ),
        // The names of the reference 1.1 are gone.
        (role(json!({ "chat": true })), "permissions.chat"),
        (
            role(json!({ "emoji_reactions": true })),
            "permissions.emoji_reactions",
        ),
    ] {
        let (status, answer) = team.post("/api/v1/roles", body.clone()).await;
        assert_eq!(status, 422, "{body}");
        assert!(answer["errors"][field][0].is_string(), "{body}: {answer}");
    }
    assert_eq!(team.patch("/api/v1/roles/speaker", json!({})).await.0, 422);
}

#[tokio::test]
async fn a_role_in_use_and_the_teams_own_default_stay() {
    let team = Team::start();
    team.room("clinic").await;
    let refusal = json!({ "message": "The role is in use." });
    for role in ["attendee", "moderator"] {
        let path = format!("/api/v1/roles/{role}");
        assert_eq!(team.delete(&path, json!({})).await, (422, refusal.clone()));
    }
    team.delete("/api/v1/rooms/clinic", json!({})).await;
    assert_eq!(
        team.delete("/api/v1/roles/attendee", json!({})).await.0,
        204
    );
    assert_eq!(
        team.delete("/api/v1/roles/moderator", json!({})).await.0,
        422
    );
}
