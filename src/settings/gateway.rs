//! `[gateway]`: how much of upstream product backends may have through it, and how they are
//! answered.

use std::time::Duration;

use crate::digital_samba::ForwardParameters;
use crate::gateway::Parameters;

use super::reader::Table;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Reads the section; `None` if a fault leaves nothing to start with. `total` is what the whole
/// service may ask of upstream in a minute.
pub(super) fn read(mut table: Table, total: Option<usize>) -> Option<Parameters> {
    let forward = read_forward(&mut table, total);
    let body_bytes_max = size(&mut table, "body_bytes_max", MIB, KIB..=16 * MIB);
    let upload_bytes_max = size(
        &mut table,
        "upload_bytes_max",
        2 * MIB + 64 * KIB,
        KIB..=64 * MIB,
    );
    let rooms_max = table.integer("rooms_max", Some(10_000), 1..=10_000_000);
    let rooms_fresh_for =
        table.duration("rooms_fresh_for", Some(MINUTE * 10), SECOND..=MINUTE * 1440);
    let older_form_for = table.texts("older_form_for").into_iter().collect();
    table.finish();
    Some(Parameters {
        forward: forward?,
        body_bytes_max: body_bytes_max?,
        upload_bytes_max: upload_bytes_max?,
        rooms_max: rooms_max?,
        rooms_fresh_for: rooms_fresh_for?,
        older_form_for,
    })
}

fn read_forward(table: &mut Table, total: Option<usize>) -> Option<ForwardParameters> {
    let requests_per_minute = size(table, "requests_per_minute", 300, 1..=100_000);
    if let (Some(share), Some(total)) = (requests_per_minute, total)
        && share >= total
    {
        table.fault(
            "requests_per_minute",
            format_args!(
                "must be less than digital_samba.requests_per_minute ({total}): joins need the rest"
            ),
        );
    }
    let concurrency_max = size(table, "concurrency_max", 16, 1..=4096);
    let queue_max = size(table, "queue_max", 64, 0..=100_000);
    let queue_wait = table.duration("queue_wait", Some(SECOND * 2), Duration::ZERO..=MINUTE);
    let answer_timeout = table.duration("answer_timeout", Some(SECOND * 30), SECOND..=MINUTE * 10);
    let idle_timeout = table.duration(
        "idle_timeout",
        Some(SECOND * 15),
        Duration::from_millis(100)..=MINUTE * 10,
    );
    let total_timeout = table.duration("total_timeout", Some(MINUTE * 30), SECOND..=MINUTE * 1440);
    let json_bytes_max = size(table, "json_bytes_max", 4 * MIB, 16 * KIB..=64 * MIB);
    let download_bytes_max =
        table.integer("download_bytes_max", Some(256 * MIB), MIB..=64 * 1024 * MIB);
    Some(ForwardParameters {
        requests_per_minute: requests_per_minute?,
        concurrency_max: concurrency_max?,
        queue_max: queue_max?,
        queue_wait: queue_wait?,
        answer_timeout: answer_timeout?,
        idle_timeout: idle_timeout?,
        total_timeout: total_timeout?,
        json_bytes_max: json_bytes_max?,
        download_bytes_max: download_bytes_max?,
    })
}

fn size(
    table: &mut Table,
    key: &str,
    default: u64,
    bounds: std::ops::RangeInclusive<u64>,
) -> Option<usize> {
    table.integer(key, Some(default), bounds)?.try_into().ok()
}
