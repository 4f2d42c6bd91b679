//! The gateway's share of upstream, and what it can never take from the joins.

use std::time::Duration;

use futures_util::future::Either;
use reqwest::Method;
use room_broker::simulator::Moment;
use room_broker::simulator::identity_provider::User;

use crate::support::Answer;

use super::app_for_all;

#[tokio::test]
async fn a_used_up_share_leaves_joins_theirs() {
    let (app, key) = app_for_all(
        "[digital_samba]\nrequests_per_minute = 10\n[gateway]\nrequests_per_minute = 3",
    )
    .await;
    for _ in 0..3 {
        assert_eq!(app.api(&key, Method::GET, "/roles").await.status, 200);
    }
    for _ in 0..20 {
        let told = app.api(&key, Method::GET, "/roles").await;
        assert_eq!((told.status, told.code().as_str()), (429, "rate-limited"));
        assert_eq!(told.header("retry-after"), "60");
    }
    assert_eq!(app.calls("list_roles"), 3);
    let joined = app.join(&app.token(User::Ada), "course-101").await;
    assert_eq!(joined.status, 200, "{joined:?}");
    app.hand.advance(Duration::from_mins(1));
    assert_eq!(app.api(&key, Method::GET, "/roles").await.status, 200);
}

#[tokio::test]
async fn calls_that_hang_take_no_place_of_a_join() {
    let more = "[digital_samba]\nconcurrency_max = 1\n[gateway]\nconcurrency_max = 2\nqueue_max = 1\nqueue_wait = \"1m\"";
    let (app, key) = app_for_all(more).await;
    let controls = app.upstream.controls();
    controls.close_gate("list_roles", Moment::BeforeEffect);
    let send = || {
        let request = app.api_request(&key, Method::GET, "/roles");
        tokio::spawn(async move { Answer::of(request.send().await.unwrap()).await })
    };
    let hanging = [send(), send()];
    controls.until_waiting("list_roles", 2).await;
    let queued = send();
    // The queue has one place; whoever comes next is sent away, in whichever order they arrive.
    let next = send();
    let (first, left) = match futures_util::future::select(queued, next).await {
        Either::Left((first, left)) | Either::Right((first, left)) => (first.unwrap(), left),
    };
    assert_eq!((first.status, first.code().as_str()), (429, "rate-limited"));
    assert_eq!(first.header("retry-after"), "1");
    assert_eq!(
        app.join(&app.token(User::Ada), "course-101").await.status,
        200
    );
    controls.open_gate("list_roles");
    for hanging in hanging.into_iter().chain([left]) {
        assert_eq!(hanging.await.unwrap().status, 200);
    }
    assert_eq!(controls.count("list_roles").in_flight_max, 2);
}

#[tokio::test]
async fn a_share_as_large_as_the_whole_is_a_fault() {
    let sources = room_broker::settings::Sources {
        texts: vec![
            crate::support::configuration("http://127.0.0.1:1", "http://127.0.0.1:2"),
            "[gateway]\nrequests_per_minute = 900".to_owned(),
        ],
        environment: Some(std::collections::HashMap::new()),
        ..Default::default()
    };
    let faults = room_broker::settings::Settings::load(&sources).unwrap_err();
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "gateway.requests_per_minute: must be less than digital_samba.requests_per_minute (900): joins need the rest"
        ]
    );
}
