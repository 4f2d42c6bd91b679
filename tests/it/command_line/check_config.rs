//! `check-config`: every fault at once, then the policy's own tests.

use std::os::unix::fs::PermissionsExt as _;

use super::with_config;
use crate::support::DEVELOPER_KEY;
use crate::support::process::{Ended, World, program, run};

async fn check(world: &World, text: &str) -> Ended {
    run(with_config(world, &["check-config"], text)).await
}

/// At least one fault in every section.
const FAULTY: &str = r#"
        [digital_samba]
        team_id = "acme"
        team_domain = "acme"
        developer_key_file = "/nowhere/key"
        retries_max = 17
        request_timout = "3s"

        [[authn.issuers]]
        issuer = "http://id.school.example"
        audiences = []
        algorithms = ["HS256", "RS256"]

        [[policy.rules]]
        name = "a"
        room = "course-{course}"
        when = "usr.id == room.curse"
        role = "the boss"

        [[rooms.templates]]
        room = "*"
        settings = { max_participants = 1, colour = "blue" }

        [public]
        listen = "everywhere"
        origins = ["*", "https://app.school.example/"]
        path_prefix = "video/"

        [http]
        trusted_proxies = ["10.0.0.0/33"]

        [limits]
        enabled = "perhaps"

        [telemetry]
        log_format = "xml"
        log_level = "loud=very=much"
        trace_ratio = 2

        [telemetri]
        x = 1
        "#;

#[tokio::test]
async fn every_fault_is_listed_at_once_with_its_key_and_what_to_change() {
    let world = World::new();
    let ended = check(&world, FAULTY).await;
    assert_eq!((ended.code, ended.out.as_str()), (2, ""));
    for key in [
        "digital_samba.team_id",
        "digital_samba.developer_key_file",
        "digital_samba.retries_max",
        "digital_samba.request_timout",
        "authn.issuers[0].audiences",
        "authn.issuers[0].algorithms",
        "policy.rules[0].role",
        "policy.rules[0].when",
        "rooms.templates[0].settings.max_participants",
        "rooms.templates[0].settings.colour",
        "public.listen",
        "public.origins[0]",
        "public.origins[1]",
        "public.path_prefix",
        "http.trusted_proxies[0]",
        "limits.enabled",
        "telemetry.log_format",
        "telemetry.log_level",
        "telemetry.trace_ratio",
        "telemetri",
    ] {
        let told = ended.err.matches(&format!("\n  {key}: ")).count();
        assert!(told >= 1, "{key} is not told: {}", ended.err);
    }
    let told = ended.err.matches("\n  ").count();
    assert!(
        ended
            .err
            .starts_with(&format!("the configuration has {told} faults:\n")),
        "{}",
        ended.err
    );
    for advice in [
        "request_timout: is not a known key; did you mean request_timeout?",
        "telemetri: is not a known key; did you mean telemetry?",
        "listen: ",
        "trace_ratio: must be a number between 0 and 1",
        "log_format: must be one of: json, text",
    ] {
        assert!(ended.err.contains(advice), "{advice}: {}", ended.err);
    }
}

#[tokio::test]
async fn a_missing_file_and_a_file_that_is_no_toml_are_faults() {
    let world = World::new();
    let mut missing = program(["check-config", "--config"]);
    missing.arg(world.path("nowhere.toml"));
    let ended = run(missing).await;
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("nowhere.toml"), "{}", ended.err);
    let ended = check(&world, "[public\n").await;
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("line 1"), "{}", ended.err);
}

#[tokio::test]
async fn nothing_configured_says_what_is_required() {
    let ended = run(program(["check-config"])).await;
    assert_eq!(ended.code, 2);
    for key in [
        "digital_samba.developer_key: is required",
        "digital_samba.team_id: is required",
        "digital_samba.team_domain: is required",
        "authn.issuers: at least one",
        "policy.rules: there is no rule",
    ] {
        assert!(ended.err.contains(key), "{key}: {}", ended.err);
    }
}

#[tokio::test]
async fn a_good_configuration_passes_its_own_policy_tests() {
    let world = World::new();
    let tests = r#"
[[policy.tests]]
user = { sub = "t1", groups = ["teacher:101"] }
room = "course-101"
expect = { role = "moderator", may_create = true }

[[policy.tests]]
user = { sub = "t1", groups = ["teacher:101"] }
room = "course-102"
expect = { refused = true }
"#;
    let text = format!("{}{tests}", world.configuration());
    let ended = check(&world, &text).await;
    assert_eq!(
        (ended.code, ended.out.as_str(), ended.err.as_str()),
        (0, "the configuration is good; 2 policy tests passed\n", "")
    );
}

#[tokio::test]
async fn a_policy_test_that_fails_is_told_with_the_reason() {
    let world = World::new();
    let tests = r#"
[[policy.tests]]
user = { sub = "t1", groups = ["teacher:101"] }
room = "course-101"
expect = { role = "attendee" }

[[policy.tests]]
user = { sub = "t1", groups = [] }
room = "course-101"
expect = { role = "moderator" }

[[policy.tests]]
user = { sub = "t1" }
room = "lobby"
expect = { refused = true }
"#;
    let text = format!("{}{tests}", world.configuration());
    let ended = check(&world, &text).await;
    assert_eq!(ended.code, 1, "{}", ended.err);
    for told in [
        "policy.tests[0]: ",
        "policy.tests[1]: ",
        "teachers moderate",
        "2 of 3 policy tests failed",
    ] {
        assert!(ended.err.contains(told), "{told}: {}", ended.err);
    }
    assert!(!ended.err.contains("policy.tests[2]"), "{}", ended.err);
}

#[tokio::test]
async fn a_secrets_file_that_others_can_read_is_warned_about() {
    let world = World::new();
    let text = world.configuration();
    let key = world.path("developer_key");
    for (mode, warned) in [(0o400, false), (0o640, true), (0o604, true), (0o644, true)] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        let ended = check(&world, &text).await;
        assert_eq!(ended.code, 0, "{}", ended.err);
        let warning = ended
            .err
            .contains("warning: digital_samba.developer_key_file:");
        assert_eq!(warning, warned, "{mode:o} {}", ended.err);
        assert!(!ended.err.contains(DEVELOPER_KEY));
    }
}

#[tokio::test]
async fn the_environment_overrides_files_and_empties_keys() {
    let world = World::new();
    let text = world.configuration();
    let checked = async |variables: &[(&str, &str)]| {
        let mut command = with_config(&world, &["check-config"], &text);
        command.envs(variables.iter().copied());
        run(command).await
    };
    let ended = checked(&[("ROOM_BROKER__PUBLIC__LISTEN", "nowhere")]).await;
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("  public.listen: "), "{}", ended.err);
    let good = [
        ("ROOM_BROKER__PUBLIC__LISTEN", "127.0.0.1:1"),
        (
            "ROOM_BROKER__PUBLIC__ORIGINS",
            "https://a.example, https://b.example",
        ),
        ("ROOM_BROKER__HTTP__WORKERS", "3"),
        ("ROOM_BROKER__HTTP__ACCESS_LOG", "true"),
        ("ROOM_BROKER__DIGITAL_SAMBA__DEVELOPER_KEY_FILE", ""),
        (
            "ROOM_BROKER__DIGITAL_SAMBA__DEVELOPER_KEY",
            "env-key-0123456789",
        ),
    ];
    let ended = checked(&good).await;
    assert_eq!(ended.code, 0, "{}", ended.err);
    let ended = checked(&[("ROOM_BROKER__PUBLIC__LISTN", "x")]).await;
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("did you mean listen?"), "{}", ended.err);
}

#[tokio::test]
async fn later_files_are_laid_over_earlier_ones_and_the_environment_names_them_too() {
    let world = World::new();
    let base = world.write("base.toml", &world.configuration());
    let over = world.write("over.toml", "[public]\npath_prefix = \"video\"\n");
    let mut both = program(["check-config"]);
    both.arg("--config").arg(&base).arg("-c").arg(&over);
    let mut named = program(["check-config"]);
    named.env(
        "ROOM_BROKER_CONFIG",
        format!("{}:{}", base.display(), over.display()),
    );
    for command in [both, named] {
        let ended = run(command).await;
        assert_eq!(ended.code, 2);
        assert!(
            ended
                .err
                .starts_with("the configuration has 1 fault:\n  public.path_prefix: "),
            "{}",
            ended.err
        );
    }
}

#[tokio::test]
async fn the_defaults_can_be_printed_and_are_a_configuration_file() {
    let ended = run(program(["check-config", "--defaults"])).await;
    assert_eq!(ended.code, 0);
    assert_eq!(
        ended.out.trim_end(),
        room_broker::settings::DEFAULTS.trim_end()
    );
}
