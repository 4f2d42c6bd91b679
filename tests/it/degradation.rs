//! README says what fails and what goes on, in a table for Redis, Digital Samba and the identity
//! provider. Here stand the tests of each cell: no cell without one, and none that is not there.

use std::fs;
use std::path::{Path, PathBuf};

type Tests = &'static [&'static str];

/// A table by the first cell of its head; each row by its own first cell, with the tests of each
/// further cell.
struct Table {
    head: &'static str,
    rows: &'static [(&'static str, &'static [Tests])],
}

/// Redis is gone in every way: all rows of the table at once.
const GONE: Tests = &[
    "redis_refuses_connections",
    "redis_is_stopped_and_hangs",
    "redis_pauses_its_clients",
    "redis_is_slow_then_silent_then_cut_off",
    "redis_answers_nonsense",
];
const READ_ONLY: Tests = &[
    "redis_is_a_read_only_replica",
    "redis_has_lost_its_replicas_and_takes_no_writes",
];
const OUT_OF_MEMORY: Tests = &["redis_is_out_of_memory"];
const BUDGETS_ALONE: Tests = &["where_redis_takes_no_writes_each_replica_has_all_of_the_budget"];
const ANSWERS_READ: Tests =
    &["where_redis_takes_no_writes_answers_are_read_from_all_and_written_by_none"];

const REDIS: Table = Table {
    head: "when Redis is",
    rows: &[
        (
            "joins of known rooms",
            &[
                GONE,
                READ_ONLY,
                OUT_OF_MEMORY,
                &["who_is_known_joins_on_and_every_room_is_read_again"],
            ],
        ),
        (
            "joins of new rooms",
            &[
                &[
                    "redis_refuses_connections",
                    "without_redis_names_that_collide_upstream_leave_one_room",
                ],
                READ_ONLY,
                OUT_OF_MEMORY,
                &["a_lost_lease_leaves_one_room_since_names_collide_upstream"],
            ],
        ),
        (
            "limits",
            &[
                &[
                    "redis_refuses_connections",
                    "without_redis_each_replica_limits_alone_and_counts_that",
                ],
                READ_ONLY,
                OUT_OF_MEMORY,
                &["limits_are_full_once_more"],
            ],
        ),
        (
            "upstream's budget",
            &[
                &[
                    "replicas_share_the_budget_and_without_redis_each_has_all_of_it",
                    "upstreams_429_makes_everybody_wait_not_only_the_one_it_was_said_to",
                ],
                BUDGETS_ALONE,
                BUDGETS_ALONE,
                &["the_budget_is_a_full_minutes_worth_once_more"],
            ],
        ),
        (
            "who is barred already",
            &[
                GONE,
                READ_ONLY,
                OUT_OF_MEMORY,
                &["a_denial_is_put_back_into_a_redis_that_lost_its_data"],
            ],
        ),
        (
            "whom others bar or lift, while one replica alone is cut off",
            &[
                &["a_replica_that_alone_is_cut_off_follows_others_once_it_is_back"],
                READ_ONLY,
                &[
                    "redis_is_out_of_memory",
                    "without_memory_a_denial_is_lifted_and_others_are_told_once_there_is_some",
                ],
                &[
                    "a_denial_is_put_back_into_a_redis_that_lost_its_data",
                    "what_was_lifted_while_a_replica_was_cut_off_it_writes_back_into_an_emptied_redis",
                ],
            ],
        ),
        (
            "barring, or lifting",
            &[
                GONE,
                READ_ONLY,
                &[
                    "redis_is_out_of_memory",
                    "without_memory_a_denial_is_lifted_and_others_are_told_once_there_is_some",
                ],
                &[
                    "redis_restarts_empty",
                    "redis_is_flushed_under_the_replicas",
                ],
            ],
        ),
        (
            "a replica that starts",
            &[
                &[
                    "redis_refuses_connections",
                    "a_replica_that_never_learned_who_is_barred_lets_nobody_in_until_it_has",
                    "whoever_calls_a_replica_that_starts_waits_until_it_knows_who_is_barred",
                ],
                READ_ONLY,
                OUT_OF_MEMORY,
                &["a_replica_that_starts_is_ready_and_bars_as_soon_as_another_has_written_back"],
            ],
        ),
        (
            "changes of rooms",
            &[
                &[
                    "redis_refuses_connections",
                    "what_cannot_be_announced_now_is_announced_once_it_can",
                    "of_what_cannot_be_announced_so_many_are_kept_and_of_more_it_is_told_that_they_were",
                ],
                READ_ONLY,
                OUT_OF_MEMORY,
                &["who_is_known_joins_on_and_every_room_is_read_again"],
            ],
        ),
        (
            "`Idempotency-Key`",
            &[
                &["without_redis_the_replica_that_was_asked_remembers_alone"],
                ANSWERS_READ,
                ANSWERS_READ,
                &["what_was_answered_under_a_key_is_known_to_the_replica_that_answered_alone"],
            ],
        ),
    ],
};

/// These try every way in which upstream fails.
const KNOWN: Tests = &["known_rooms_are_joined_through_every_fault_until_they_are_too_old"];
const NEW: Tests = &["whatever_upstream_says_the_caller_of_an_unknown_room_reads_our_own_words"];
const BACKENDS: Tests =
    &["through_every_fault_backends_read_our_own_words_and_what_is_known_stays_known"];
const COUNTS: Tests = &["through_every_fault_no_count_is_told_and_no_room_is_full"];
const DOUBT: Tests = &["through_every_fault_a_room_that_became_doubtful_is_served_on"];
const GATEWAY: Tests = &["an_answer_that_is_none_is_a_clear_problem"];
const GATEWAY_4XX: Tests = &["what_upstream_says_is_wrong_is_told_as_it_says_it"];
const LOST: Tests = &["an_upstream_that_lost_its_rooms_is_given_them_again_by_who_may"];

const UPSTREAM: Table = Table {
    head: "when Digital Samba is",
    rows: &[
        ("joins of known rooms", &[KNOWN, KNOWN, KNOWN, KNOWN, LOST]),
        (
            "joins of new rooms",
            &[
                &[
                    "whatever_upstream_says_the_caller_of_an_unknown_room_reads_our_own_words",
                    "an_upstream_that_is_not_there_at_all_is_unavailable_and_comes_back",
                    "an_open_breaker_answers_at_once_spares_upstream_and_lets_one_trial_through",
                ],
                NEW,
                &[
                    "whatever_upstream_says_the_caller_of_an_unknown_room_reads_our_own_words",
                    "refusals_of_the_key_and_rejections_do_not_open_the_breaker",
                ],
                &[
                    "whatever_upstream_says_the_caller_of_an_unknown_room_reads_our_own_words",
                    "upstreams_429_makes_everybody_wait_not_only_the_one_it_was_said_to",
                ],
                LOST,
            ],
        ),
        (
            "changes by backends",
            &[BACKENDS, BACKENDS, BACKENDS, BACKENDS, LOST],
        ),
        (
            "the gateway",
            &[GATEWAY, GATEWAY, GATEWAY, GATEWAY_4XX, GATEWAY_4XX],
        ),
        (
            "live counts, `capacity`",
            &[
                COUNTS,
                COUNTS,
                COUNTS,
                COUNTS,
                &["an_upstream_that_lost_its_rooms_is_given_them_again_by_who_may"],
            ],
        ),
        (
            "rooms that webhooks cast doubt on",
            &[
                DOUBT,
                DOUBT,
                DOUBT,
                DOUBT,
                &["a_room_that_was_deleted_upstream_is_closed_to_a_join_that_may_not_make_it"],
            ],
        ),
    ],
};

/// This tries every way in which a provider fails.
const PROVIDER_FAILS: Tests =
    &["in_whatever_way_it_fails_known_keys_serve_forgeries_stay_401_and_unknown_keys_are_503"];
const OPAQUE: Tests = &[
    "a_failure_is_nobodys_answer_and_is_not_remembered",
    "who_was_asked_about_within_the_last_minute_goes_on_through_an_outage",
];

const PROVIDER: Table = Table {
    head: "when the provider is",
    rows: &[
        (
            "tokens of known keys",
            &[
                &[
                    "known_keys_serve_through_an_outage_until_they_are_too_old",
                    "nobody_waits_for_a_fetch_in_the_background",
                ],
                &["a_bad_answer_takes_no_known_key_away"],
                &[
                    "a_rotated_key_is_fetched_once_and_the_old_one_is_dead_with_what_it_signed",
                    "a_withdrawn_key_is_dead_within_the_refresh_though_no_new_token_comes",
                ],
            ],
        ),
        (
            "tokens of unknown keys",
            &[
                &[
                    "in_whatever_way_it_fails_known_keys_serve_forgeries_stay_401_and_unknown_keys_are_503",
                    "a_provider_that_does_not_answer_keeps_nobody_longer_than_the_time_limit",
                ],
                PROVIDER_FAILS,
                &["a_rotated_key_is_fetched_once_and_the_old_one_is_dead_with_what_it_signed"],
            ],
        ),
        (
            "opaque tokens",
            &[
                OPAQUE,
                OPAQUE,
                &["what_the_provider_says_is_checked_as_a_token_is"],
            ],
        ),
        (
            "forged tokens",
            &[
                PROVIDER_FAILS,
                PROVIDER_FAILS,
                &["bad_signatures_under_a_known_key_cause_one_fetch_in_a_cooldown"],
            ],
        ),
        (
            "a start",
            &[
                &[
                    "it_starts_without_the_provider_and_is_ready_when_that_comes_up",
                    "a_provider_that_never_answers_holds_the_start_up_for_its_bound_and_no_longer",
                    "whoever_calls_meanwhile_waits_for_a_provider_that_answers_late_and_is_let_in",
                ],
                &["a_document_that_cannot_be_used_brings_no_keys"],
                &["a_key_that_stays_keeps_what_it_signed"],
            ],
        ),
        (
            "a replica that runs",
            &[
                PROVIDER_FAILS,
                PROVIDER_FAILS,
                &["a_key_that_stays_keeps_what_it_signed"],
            ],
        ),
    ],
};

#[test]
fn every_cell_of_what_fails_and_what_goes_on_has_its_tests() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut sources = String::new();
    read_all(&root().join("tests/it"), &mut sources);
    for table in [REDIS, UPSTREAM, PROVIDER] {
        let shown = rows_of(&readme, table.head);
        let listed: Vec<_> = table
            .rows
            .iter()
            .map(|(row, _)| (*row).to_owned())
            .collect();
        let names: Vec<_> = shown.iter().map(|row| row[0].clone()).collect();
        assert_eq!(names, listed, "{}", table.head);
        for ((row, tests), shown) in table.rows.iter().zip(&shown) {
            assert_eq!(tests.len(), shown.len() - 1, "{row}");
            for name in tests.iter().copied().flatten() {
                assert!(sources.contains(&format!("fn {name}(")), "{row}: {name}");
            }
            assert!(tests.iter().all(|tests| !tests.is_empty()), "{row}");
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The rows of the table whose head begins so, cell by cell.
fn rows_of(readme: &str, head: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim_matches('|');
        line.split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let (_, table) = readme
        .split_once(&format!("\n| {head} |"))
        .unwrap_or_else(|| panic!("README has no table {head:?}"));
    let lines = table.lines().skip(2);
    lines
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect()
}

fn read_all(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
