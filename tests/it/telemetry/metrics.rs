//! The exposition after some joins: what happened stands there, with its numbers.

use room_broker::simulator::identity_provider::User;

use crate::support::Answer;
use crate::support::process::{Broker, World};
use crate::support::until;

use super::{join, serve};

async fn exposition(world: &World, broker: &Broker) -> String {
    let request = world.http.get(format!("{}/metrics", broker.ops));
    Answer::of(request.send().await.unwrap()).await.text
}

/// The value of one series, which must be there, as it is written.
#[track_caller]
fn text_of<'a>(exposition: &'a str, series: &str) -> &'a str {
    let found = exposition.lines().find_map(|line| {
        line.strip_prefix("room_broker_")?
            .strip_prefix(series)?
            .strip_prefix(' ')
    });
    found.unwrap_or_else(|| panic!("{series} is not there:\n{exposition}"))
}

/// The same as a number.
#[track_caller]
fn value(exposition: &str, series: &str) -> f64 {
    text_of(exposition, series).parse().unwrap()
}

#[tokio::test]
async fn joins_leave_their_numbers() {
    let world = World::new();
    let broker = serve(&world, |text| text).await;
    for (user, status) in [
        (User::Ada, 200),
        (User::Ada, 200),
        (User::Ben, 200),
        (User::Cleo, 403),
    ] {
        let joined = join(&world, &broker, user, "course-101").await;
        assert_eq!(joined.status, status, "{user:?}: {joined:?}");
    }
    // The age of the keys is noted twice a second.
    until("the keys have an age", async || {
        let text = exposition(&world, &broker).await;
        text.contains("jwks_age_seconds{")
            && value(&text, r#"jwks_age_seconds{issuer="school"}"#) > 0.0
    })
    .await;
    let text = exposition(&world, &broker).await;
    for (series, expected) in [
        (r#"joins_total{outcome="created",role="moderator"}"#, "1"),
        (r#"joins_total{outcome="joined",role="moderator"}"#, "1"),
        (r#"joins_total{outcome="joined",role="attendee"}"#, "1"),
        (r#"joins_total{outcome="refused",role=""}"#, "1"),
        ("rooms_created_total", "1"),
        (r#"room_cache_lookups_total{outcome="miss"}"#, "1"),
        (r#"room_cache_lookups_total{outcome="hit"}"#, "2"),
        (
            r#"upstream_calls_total{operation="get_room",status="404"}"#,
            "1",
        ),
        (
            r#"upstream_calls_total{operation="create_room",status="200"}"#,
            "1",
        ),
        ("upstream_seconds_count", "2"),
        ("mint_seconds_count", "3"),
        (r#"mint_seconds_bucket{le="+Inf"}"#, "3"),
        (r#"jwks_fetches_total{issuer="school",outcome="ok"}"#, "1"),
        (
            r#"http_requests_total{listener="public",route="join",status="200"}"#,
            "3",
        ),
        (
            r#"http_requests_total{listener="public",route="join",status="403"}"#,
            "1",
        ),
    ] {
        assert_eq!(text_of(&text, series), expected, "{series}");
    }
    assert!(value(&text, "mint_seconds_sum") > 0.0);
    assert!(value(&text, "developer_key_age_seconds") > 0.0);
    assert!(
        value(
            &text,
            r#"http_requests_total{listener="ops",route="readyz",status="200"}"#
        ) > 0.0
    );
    until("the audit lines are counted", async || {
        let text = exposition(&world, &broker).await;
        let series = r#"audit_lines_total{outcome="written"}"#;
        text.contains(&format!("{series} 4\n"))
    })
    .await;
}

#[tokio::test]
async fn a_credential_that_cannot_be_read_is_counted_by_our_word_for_it() {
    let world = World::new();
    let broker = serve(&world, |text| text).await;
    let url = broker.join_url("course-101");
    let long = "a".repeat(9000);
    for credential in ["Bearer a b", &format!("Bearer {long}"), "Bearer a.b.c"] {
        let request = world.http.post(&url).header("authorization", credential);
        assert_eq!(request.send().await.unwrap().status(), 401);
    }
    let twice = world.http.post(&url).bearer_auth("a").bearer_auth("b");
    assert_eq!(twice.send().await.unwrap().status(), 400);
    let text = exposition(&world, &broker).await;
    for (outcome, times) in [("malformed", "2"), ("too-long", "1"), ("doubled", "1")] {
        let series = format!(r#"authentication_failures_total{{outcome="{outcome}"}}"#);
        assert_eq!(text_of(&text, &series), times, "{outcome}");
    }
}
