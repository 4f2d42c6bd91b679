//! `[limits]`: how often whom.

use std::num::NonZeroU32;

use crate::http::LimitParameters;
use crate::rate_limit::Rate;

use super::reader::Table;

/// `[limits]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct LimitSettings {
    /// The limits; `None` if they are turned off.
    pub(super) parameters: Option<LimitParameters>,
}

/// Reads `[limits]`.
pub(super) fn read(mut table: Table) -> Option<LimitSettings> {
    let enabled = table.boolean("enabled", true);
    let principal = rate(&mut table, "principal");
    let service = rate(&mut table, "service");
    let address = rate(&mut table, "address");
    let failures = rate(&mut table, "failures");
    let tracked_max = table.integer("tracked_max", None, 1_000..=10_000_000);
    table.finish();
    let parameters = LimitParameters {
        principal: principal?,
        service: service?,
        address: address?,
        failures: failures?,
        tracked_max: usize::try_from(tracked_max?).unwrap_or(usize::MAX),
    };
    Some(LimitSettings {
        parameters: enabled.then_some(parameters),
    })
}

fn rate(table: &mut Table, name: &str) -> Option<Rate> {
    let per_minute = table.integer(&format!("{name}_per_minute"), None, 1..=10_000_000);
    let burst = table.integer(&format!("{name}_burst"), None, 1..=1_000_000);
    Some(Rate {
        per_minute: positive(per_minute?)?,
        burst: positive(burst?)?,
    })
}

fn positive(number: u64) -> Option<NonZeroU32> {
    u32::try_from(number).ok().and_then(NonZeroU32::new)
}
