//! `simulate`: Digital Samba without a broker.

use serde_json::{Value, json};

use crate::support::http_client;
use crate::support::process::{Simulator, program, run};

async fn told(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn the_lines_of_its_banner_create_a_room_and_open_it() {
    let simulator = Simulator::start(&[], &[]).await;
    let http = http_client();
    let key = simulator.after("KEY=");
    // The calls of the banner, in order: address and body.
    let calls = simulator
        .banner
        .lines()
        .filter(|line| line.contains("curl -s -H"));
    let calls: Vec<_> = calls
        .map(|line| {
            let body = line.split('\'').nth(1);
            let address = line.rsplit(' ').next().unwrap();
            (
                address,
                body.map(|body| serde_json::from_str::<Value>(body).unwrap()),
            )
        })
        .collect();
    assert_eq!(calls.len(), 3, "{}", simulator.banner);
    let mut answers = Vec::new();
    for (address, body) in calls {
        if let Some(link) = answers
            .last()
            .and_then(|answer: &Value| answer["link"].as_str())
        {
            let page = http.get(link).send().await.unwrap();
            assert_eq!(page.status(), 200);
        }
        let request = match &body {
            Some(body) => http.post(address).json(body),
            None => http.get(address),
        };
        let (status, answer) = told(request.bearer_auth(&key)).await;
        assert_eq!(status, 200, "{address}: {answer}");
        answers.push(answer);
    }
    assert_eq!(answers[0]["friendly_url"], "demo");
    assert_eq!(answers[2]["live_participants"][0]["name"], "Ada");
    let counts = http.get(simulator.last_word_of("/_sim/counts"));
    assert_eq!(told(counts).await.1["create_room"]["done"], 1);
    let tokens = format!(
        "{}/demo/token?user=ada",
        simulator.after("identity provider  ")
    );
    assert_eq!(http.get(tokens).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn its_banner_prints_the_lines_of_the_readme() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let (_, lines) = readme.split_once("```sh simulator\n").unwrap();
    let (lines, _) = lines.split_once("```").unwrap();
    let simulator = Simulator::start(&[], &[]).await;
    let base = simulator.after("Digital Samba      ");
    let printed: Vec<_> = simulator.banner.lines().map(str::trim).collect();
    for line in lines.lines() {
        let line = line.replace("http://127.0.0.1:8090", &base);
        assert!(
            printed.contains(&line.as_str()),
            "not in the banner: {line}"
        );
    }
}

#[tokio::test]
async fn its_flags_choose_team_limit_and_key_and_the_key_is_never_echoed() {
    const SECRET: &str = "a-developer-key-of-nobody";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let team = "0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f0";
    let file_flags = ["--developer-key-file", file.to_str().unwrap()];
    let in_environment = ("ROOM_BROKER_SIMULATOR_DEVELOPER_KEY", SECRET);
    for (flags, environment) in [(&file_flags[..], &[][..]), (&[], &[in_environment])] {
        let mut flags = flags.to_vec();
        flags.extend(["--team-id", team, "--rate-limit", "1", "--no-provider"]);
        let simulator = Simulator::start(&flags, environment).await;
        assert!(!simulator.banner.contains(SECRET), "{}", simulator.banner);
        assert!(!simulator.banner.contains("identity provider"));
        let http = http_client();
        let defaults = format!("{}/api/v1", simulator.after("Digital Samba      "));
        let ask = || {
            told(
                http.get(&defaults)
                    .header("accept", "application/json")
                    .bearer_auth(SECRET),
            )
        };
        let (status, answer) = ask().await;
        assert_eq!((status, &answer["id"]), (200, &json!(team)));
        let (status, answer) = ask().await;
        assert_eq!((status, &answer["error"]), (429, &json!("rate-limit")));
    }
    let help = run({
        let mut help = program(["simulate", "--help"]);
        help.env(in_environment.0, in_environment.1);
        help
    });
    assert!(!help.await.out.contains(SECRET));
}

#[tokio::test]
async fn its_clock_is_moved_ahead_over_http_whether_it_stands_or_goes() {
    for (flags, at) in [
        (&["--clock-at", "1781000000"][..], Some(1_781_000_000)),
        (&[], None),
    ] {
        let simulator = Simulator::start(flags, &[]).await;
        let http = http_client();
        let base = simulator.after("Digital Samba      ");
        let clock = format!("{base}/_sim/clock");
        let now = async || told(http.get(&clock)).await.1["now"].as_u64().unwrap();
        let before = now().await;
        assert!(at.is_none_or(|at| at == before), "{before}");
        let room = http
            .post(format!("{base}/api/v1/rooms"))
            .bearer_auth("development-only");
        let (status, _) =
            told(room.json(&json!({ "friendly_url": "brief", "session_length": 5 }))).await;
        assert_eq!(status, 200);
        let ada = json!({ "role": "attendee" });
        let enters = format!("{base}/_sim/rooms/brief/participants");
        assert_eq!(
            http.post(enters).json(&ada).send().await.unwrap().status(),
            204
        );

        let (status, moved) = told(http.post(&clock).json(&json!({ "advance_s": 300 }))).await;
        assert_eq!(status, 200);
        assert!(moved["now"].as_u64().unwrap() >= before + 300);
        assert!(now().await >= before + 300);
        let provider = simulator.after("identity provider  ");
        let (_, theirs) = told(http.get(format!("{provider}/_sim/clock"))).await;
        assert!(theirs["now"].as_u64().unwrap() >= before + 300);
        // Five minutes are over: so is the session.
        let sessions = http
            .get(format!("{base}/api/v1/sessions"))
            .bearer_auth("development-only");
        assert_eq!(told(sessions).await.1["data"][0]["live"], false);
        for odd in [
            json!({}),
            json!({ "advance_s": -1 }),
            json!({ "back_s": 1 }),
        ] {
            assert_eq!(told(http.post(&clock).json(&odd)).await.0, 400, "{odd}");
        }
    }
}

#[tokio::test]
async fn it_ends_by_itself_when_it_is_asked_to_and_says_what_it_cannot_do() {
    let mut simulator = Simulator::start(&[], &[]).await;
    simulator.terminate();
    assert_eq!(simulator.ended().await.code(), Some(0));
    let taken = crate::support::listener();
    let address = taken.local_addr().unwrap().to_string();
    for (flags, code, problem) in [
        (["--listen", &address], 1, address.as_str()),
        (
            ["--developer-key-file", "/nowhere/key"],
            1,
            "/nowhere/key cannot be read",
        ),
        (
            ["--developer-key-file", "/dev/null"],
            1,
            "the developer key is empty",
        ),
        (["--developer-key", ""], 2, "the developer key is empty"),
        (["--team-id", "mine"], 2, "--team-id"),
    ] {
        let ended = run(program([&["simulate"], &flags[..]].concat())).await;
        assert_eq!(ended.code, code, "{flags:?}");
        assert!(ended.err.starts_with("error: "), "{}", ended.err);
        assert!(ended.err.contains(problem), "{}", ended.err);
    }
}
