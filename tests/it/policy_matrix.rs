//! Who may enter which room as what: a table; and what no body, claim or path can change in it.

mod appearance;
mod bodies;
mod claims;
mod paths;

use room_broker::simulator::identity_provider::{Algorithm, User};
use serde_json::{Value, json};

use crate::support::{Answer, START, Setup, TestApp, claims_of};

const NOW: u64 = START.seconds();

const RULES: &str = r#"
[policy]
token_ttl = "30m"
token_ttl_max = "2h"

[[policy.rules]]
name = "the suspended stay outside"
room = "*"
when = 'user.claims.suspended == true'
refuse = true

[[policy.rules]]
name = "staff run the staff room"
room = "staff-room"
when = '"staff" in user.groups && user.claims.org.name == "acme"'
role = "moderator"
roles_on_request = ["speaker", "attendee"]
may_create = true
token_ttl = "2h"

[[policy.rules]]
name = "seniors speak in the hall"
room = "hall"
when = 'user.claims.level >= 3'
role = "speaker"
may_create = true

[[policy.rules]]
name = "teachers moderate"
room = "course-{course}"
when = '("teacher:" + room.course) in user.groups'
role = "moderator"
roles_on_request = ["attendee"]
may_create = true

[[policy.rules]]
name = "students attend"
room = "course-{course}"
when = '("student:" + room.course) in user.groups'
role = "attendee"

[[policy.rules]]
name = "the hall is open"
room = "hall"
role = "attendee"
"#;

async fn spawn() -> TestApp {
    TestApp::spawn_with(|setup| {
        setup.config(RULES);
    })
    .await
}

async fn spawn_with(change: impl FnOnce(&mut Setup)) -> TestApp {
    TestApp::spawn_with(|setup| {
        setup.config(RULES);
        change(setup);
    })
    .await
}

/// A token of somebody with these claims and nothing else that policy reads.
fn token(app: &TestApp, claims: &Value) -> String {
    let usual = app.provider.claims(User::Cleo);
    let mut all = json!({
        "iss": usual["iss"], "aud": usual["aud"], "iat": NOW, "exp": NOW + 3600, "sub": "eve",
        "suspended": false,
    });
    let members = all.as_object_mut().unwrap();
    members.extend(claims.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    let kid = app
        .provider
        .with_keys(|keys| keys.kid_for(Algorithm::Es256))
        .unwrap();
    app.provider.sign(&kid, &json!({}), &all).unwrap()
}

/// The role that was given, or the code of the problem.
fn outcome(answer: &Answer) -> (u16, String) {
    match answer.status {
        200 => {
            let joined = answer.json();
            let role = joined["participant"]["role"].as_str().unwrap().to_owned();
            assert_eq!(claims_of(joined["token"].as_str().unwrap())["role"], role);
            (200, role)
        }
        status => (status, answer.code()),
    }
}

/// Everything of an answer but what names the request.
fn without_ids(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let id = answer.header("x-request-id");
    let text = answer.text.replace(id, "");
    let headers = answer.headers.iter();
    let headers = headers.filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let mut headers: Vec<_> = headers.collect();
    headers.sort_unstable();
    (answer.status, text, headers)
}

const FORBIDDEN: (u16, &str) = (403, "forbidden");
const NOT_THAT_ROLE: (u16, &str) = (403, "role-not-allowed");

#[tokio::test]
async fn each_principal_enters_each_room_as_the_table_says() {
    let app = spawn().await;
    let teacher = json!({ "groups": ["teacher:101", "staff"] });
    let student = json!({ "groups": ["student:101", "student:102"] });
    let both = json!({ "groups": ["student:101", "teacher:101"] });
    let staff = json!({ "groups": ["staff"], "org": { "name": "acme" } });
    let senior = json!({ "level": 3 });
    let junior = json!({ "level": 2 });
    let suspended = json!({ "groups": ["teacher:101"], "suspended": true });
    let nobody = json!({});
    let nothing = Value::Null;
    let ask = |role: &str| json!(role);
    let rows = [
        // Students create nothing: their course is not there yet.
        (&student, "course-101", &nothing, FORBIDDEN),
        (&teacher, "course-101", &nothing, (200, "moderator")),
        (
            &teacher,
            "course-101",
            &ask("moderator"),
            (200, "moderator"),
        ),
        (&teacher, "course-101", &ask("attendee"), (200, "attendee")),
        (&teacher, "course-101", &ask("speaker"), NOT_THAT_ROLE),
        (&teacher, "course-101", &ask("Moderator"), NOT_THAT_ROLE),
        (&teacher, "course-102", &nothing, FORBIDDEN),
        (&teacher, "course-101-b", &nothing, FORBIDDEN),
        (&teacher, "Course-101", &nothing, FORBIDDEN),
        (&teacher, "course-", &nothing, FORBIDDEN),
        (&teacher, "course", &nothing, FORBIDDEN),
        (&teacher, "staff-room", &nothing, FORBIDDEN),
        (&teacher, "hall", &nothing, FORBIDDEN),
        (&teacher, "elsewhere", &nothing, FORBIDDEN),
        (&student, "course-101", &nothing, (200, "attendee")),
        (&student, "course-101", &ask("attendee"), (200, "attendee")),
        (&student, "course-101", &ask("moderator"), NOT_THAT_ROLE),
        (&student, "course-101", &ask("speaker"), NOT_THAT_ROLE),
        (&student, "course-102", &nothing, FORBIDDEN),
        (&both, "course-101", &nothing, (200, "moderator")),
        (&staff, "staff-room", &nothing, (200, "moderator")),
        (&staff, "staff-room", &ask("speaker"), (200, "speaker")),
        (&staff, "staff-room", &ask("attendee"), (200, "attendee")),
        (&staff, "staff-room", &ask("owner"), NOT_THAT_ROLE),
        (&staff, "course-101", &nothing, FORBIDDEN),
        (&senior, "hall", &nothing, (200, "speaker")),
        (&senior, "hall", &ask("attendee"), NOT_THAT_ROLE),
        (&junior, "hall", &nothing, (200, "attendee")),
        (&junior, "hall", &ask("speaker"), NOT_THAT_ROLE),
        (&nobody, "hall", &nothing, (200, "attendee")),
        (&nobody, "course-101", &nothing, FORBIDDEN),
        (&nobody, "course-101", &ask("moderator"), FORBIDDEN),
        (&suspended, "course-101", &nothing, FORBIDDEN),
        (&suspended, "hall", &ask("attendee"), FORBIDDEN),
    ];
    for (claims, room, role, (status, expected)) in rows {
        let body = json!({ "role": role });
        let answer = app.join_with(&token(&app, claims), room, &body).await;
        assert_eq!(
            outcome(&answer),
            (status, expected.to_owned()),
            "{claims} asks for {room} as {role}"
        );
    }
    let mut rooms: Vec<_> = app
        .upstream
        .rooms()
        .iter()
        .map(|room| room.friendly_url.clone())
        .collect();
    rooms.sort_unstable();
    assert_eq!(rooms, ["course-101", "hall", "staff-room"]);
}

#[tokio::test]
async fn refused_rooms_and_rooms_that_do_not_exist_answer_alike() {
    let app = spawn().await;
    let teacher = token(&app, &json!({ "groups": ["teacher:101"] }));
    assert_eq!(app.join(&teacher, "course-101").await.status, 200);
    let student = token(&app, &json!({ "groups": ["student:7", "student:101"] }));
    let nobody = token(&app, &json!({}));
    let suspended = token(&app, &json!({ "suspended": true }));
    let mut answers = Vec::new();
    for (token, room) in [
        (&nobody, "course-101"),
        (&nobody, "course-7"),
        (&nobody, "elsewhere"),
        (&suspended, "course-101"),
        (&suspended, "hall"),
        (&student, "course-7"),
        (&student, "staff-room"),
    ] {
        let url = format!("{}/v1/rooms/{room}", app.public);
        let read = app.answer(app.http.get(url).bearer_auth(token)).await;
        let asked = app
            .join_with(token, room, &json!({ "role": "attendee" }))
            .await;
        for answer in [app.join(token, room).await, asked, read] {
            answers.push((room, without_ids(&answer)));
        }
    }
    let (_, first) = answers[0].clone();
    assert_eq!(
        serde_json::from_str::<Value>(&first.1).unwrap(),
        json!({
            "type": "/docs#problem-forbidden", "title": "This room is not open to the caller",
            "status": 403, "code": "forbidden", "request_id": "",
        })
    );
    for (room, answer) in answers {
        assert_eq!(answer, first, "{room}");
    }
}

#[tokio::test]
async fn a_refused_caller_causes_no_call_upstream() {
    let app = spawn().await;
    let nobody = token(&app, &json!({}));
    for room in ["course-101", "staff-room", "elsewhere"] {
        app.join(&nobody, room).await;
        let url = format!("{}/v1/rooms/{room}", app.public);
        app.answer(app.http.get(url).bearer_auth(&nobody)).await;
    }
    assert_eq!(app.upstream.controls().count("*").calls, 0);
}

#[tokio::test]
async fn reading_a_room_says_what_a_join_would_do_and_does_nothing() {
    let app = spawn().await;
    let teacher = token(&app, &json!({ "groups": ["teacher:101"] }));
    let url = format!("{}/v1/rooms/course-101", app.public);
    let read = app.answer(app.http.get(&url).bearer_auth(&teacher)).await;
    assert_eq!(
        read.json(),
        json!({
            "room": { "key": "course-101", "exists": false },
            "admission": {
                "role": "moderator", "roles": ["moderator", "attendee"], "may_create": true,
                "token_ttl_seconds": 1800,
            },
        })
    );
    assert_eq!(app.upstream.creations(), 0);
}

#[tokio::test]
async fn a_token_lives_as_long_as_its_rule_says() {
    let app = spawn().await;
    for (claims, room, ttl) in [
        (json!({ "groups": ["teacher:101"] }), "course-101", 1800),
        (
            json!({ "groups": ["staff"], "org": { "name": "acme" } }),
            "staff-room",
            7200,
        ),
    ] {
        let joined = app.join(&token(&app, &claims), room).await.json();
        let minted = claims_of(joined["token"].as_str().unwrap());
        assert_eq!(
            (&minted["iat"], &minted["nbf"], &minted["exp"]),
            (&json!(NOW), &json!(NOW - 5), &json!(NOW + ttl)),
            "{room}"
        );
    }
}

#[tokio::test]
async fn a_token_ends_with_the_callers_own_where_that_is_configured() {
    let app = spawn_with(|setup| {
        setup.config("[policy]\nwithin_credential = true");
    })
    .await;
    let teacher = |exp: u64| token(&app, &json!({ "groups": ["teacher:101"], "exp": exp }));
    for (exp, end) in [
        (NOW + 120, NOW + 120),
        (NOW + 7200, NOW + 1800),
        (NOW + 1, NOW + 1),
    ] {
        let joined = app.join(&teacher(exp), "course-101").await.json();
        let minted = claims_of(joined["token"].as_str().unwrap());
        assert_eq!(minted["exp"], end, "{exp}");
        assert_eq!(joined["expires_at"], end, "{exp}");
    }
    // Ended, though within the tolerated difference of clocks.
    for exp in [NOW, NOW - 10] {
        let answer = app.join(&teacher(exp), "course-101").await;
        assert_eq!(outcome(&answer), (403, "forbidden".to_owned()), "{exp}");
    }
}

#[tokio::test]
async fn a_role_that_the_room_does_not_have_is_a_conflict() {
    let app = spawn_with(|setup| {
        setup.config(
            r#"
            [[rooms.templates]]
            room = "hall"
            settings = { roles = ["moderator", "attendee"], default_role = "attendee" }
            "#,
        );
    })
    .await;
    let answer = app.join(&token(&app, &json!({ "level": 9 })), "hall").await;
    let mut problem = answer.json();
    problem.as_object_mut().unwrap().remove("request_id");
    assert_eq!(
        problem,
        json!({
            "type": "/docs#problem-role-not-in-room", "status": 409, "code": "role-not-in-room",
            "title": "The room does not offer the role that policy gives",
            "detail": "The room offers the roles listed; add the role to the room, or change the policy.",
            "roles": ["moderator", "attendee"],
        })
    );
    let answer = app.join(&token(&app, &json!({})), "hall").await;
    assert_eq!(outcome(&answer), (200, "attendee".to_owned()));
}
