//! What a list or a count is narrowed to by its query.

use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime};

use crate::clock::UnixTime;
use crate::simulator::digital_samba::refusal::{Faulty, Refusal};
use crate::simulator::exchange::Call;

const DAY: Duration = Duration::from_hours(24);

/// Whole days in UTC, the last one included.
#[derive(Clone, Copy, Default)]
pub(super) struct Period {
    pub(super) from: Option<NaiveDate>,
    pub(super) to: Option<NaiveDate>,
}

impl Period {
    pub(super) fn of(call: &Call) -> Result<Self, Refusal> {
        let mut faulty = Faulty::default();
        let from = date(call, "date_start", &mut faulty);
        let to = date(call, "date_end", &mut faulty);
        if from.zip(to).is_some_and(|(from, to)| to < from) {
            faulty.add(
                "date_end",
                "field must be a date after or equal to date start",
            );
        }
        faulty.check()?;
        Ok(Self { from, to })
    }

    /// With the current month, as far as it is over, where nothing was said.
    pub(super) fn or_current(self, now: UnixTime) -> Self {
        let seconds = i64::try_from(now.seconds()).unwrap_or(i64::MAX);
        let today = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
        let today = today.date_naive();
        Self {
            from: self.from.or(today.with_day(1)),
            to: self.to.or(Some(today)),
        }
    }

    pub(super) fn contains(self, time: UnixTime) -> bool {
        self.from.is_none_or(|from| midnight(from) <= time)
            && self.to.is_none_or(|to| time < midnight(to).plus(DAY))
    }
}

fn date(call: &Call, name: &str, faulty: &mut Faulty) -> Option<NaiveDate> {
    let text = call.query(name)?;
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d");
    if date.is_err() {
        faulty.add(name, "field must match the format Y-m-d");
    }
    date.ok()
}

fn midnight(date: NaiveDate) -> UnixTime {
    let seconds = date.and_time(NaiveTime::MIN).and_utc().timestamp();
    UnixTime::from_seconds(u64::try_from(seconds).unwrap_or(0))
}

/// Sessions or participants: of when, live or not, of which room and session.
pub(super) struct Filter<'c> {
    pub(super) period: Period,
    pub(super) live: Option<bool>,
    pub(super) room: Option<&'c str>,
    pub(super) session: Option<&'c str>,
}

impl<'c> Filter<'c> {
    pub(super) fn of(call: &'c Call) -> Result<Self, Refusal> {
        Ok(Self {
            period: Period::of(call)?,
            live: boolean(call, "live")?,
            room: uuid(call, "room_id")?,
            session: uuid(call, "session_id")?,
        })
    }
}

fn boolean(call: &Call, name: &str) -> Result<Option<bool>, Refusal> {
    match call.query(name) {
        None => Ok(None),
        Some("true" | "1") => Ok(Some(true)),
        Some("false" | "0") => Ok(Some(false)),
        Some(_) => Err(Refusal::field(name, "field must be true or false")),
    }
}

/// A UUID in the query.
pub(super) fn uuid<'c>(call: &'c Call, name: &'c str) -> Result<Option<&'c str>, Refusal> {
    let given = call.query(name);
    if given.is_some_and(|text| uuid::Uuid::try_parse(text).is_err()) {
        return Err(Refusal::field(name, "field must be a valid UUID"));
    }
    Ok(given)
}
