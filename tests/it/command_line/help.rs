//! `hash-api-key`, `--help`, completions.

use crate::support::process::{program, run};

#[tokio::test]
async fn hash_api_key_makes_a_key_and_hashes_it_again_to_the_same() {
    let made = run(program(["hash-api-key"])).await;
    assert_eq!(made.code, 0, "{}", made.err);
    let (key, entry) = made.out.split_once('\n').unwrap();
    assert!(key.starts_with("rbk_"), "{key}");
    let secret = key.rsplit('_').next().unwrap();
    assert!(!entry.contains(secret), "{entry}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, format!("{key}\n")).unwrap();
    let mut again = program(["hash-api-key", "--stdin"]);
    again.stdin(std::fs::File::open(&file).unwrap());
    let again = run(again).await;
    assert_eq!(
        (again.code, again.out.as_str()),
        (0, entry),
        "{}",
        again.err
    );

    std::fs::write(&file, "not a key\n").unwrap();
    let mut bad = program(["hash-api-key", "--stdin"]);
    bad.stdin(std::fs::File::open(&file).unwrap());
    let bad = run(bad).await;
    assert_eq!((bad.code, bad.out.as_str()), (1, ""));
    assert!(!bad.err.contains("not a key"), "{}", bad.err);
}

#[tokio::test]
async fn help_names_every_command_and_completions_know_them() {
    let commands = [
        "serve",
        "dev",
        "simulate",
        "check-config",
        "policy",
        "mint",
        "doctor",
        "healthcheck",
        "hash-api-key",
        "completions",
    ];
    let help = run(program(["--help"])).await;
    let completions = run(program(["completions", "bash"])).await;
    assert_eq!((help.code, completions.code), (0, 0));
    for command in commands {
        assert!(help.out.contains(&format!("\n  {command} ")), "{command}");
        assert!(completions.out.contains(command), "{command}");
        let own = run(program([command, "--help"])).await;
        assert_eq!(own.code, 0, "{command}");
        assert!(own.out.contains("Usage: room-broker"), "{command}");
    }
    assert!(help.out.lines().all(|line| line.chars().count() <= 100));
    let version = run(program(["--version"])).await;
    assert_eq!(
        version.out.trim(),
        format!("room-broker {}", env!("CARGO_PKG_VERSION"))
    );
    let wrong = run(program(["srve"])).await;
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("serve"), "{}", wrong.err);
}
