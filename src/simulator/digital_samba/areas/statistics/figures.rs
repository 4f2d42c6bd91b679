//! The numbers of some sessions, by the names that statistics give them. What is not simulated
//! (media, mobile devices, whiteboards) counts as zero.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::clock::UnixTime;
use crate::simulator::digital_samba::belongings::Scope;
use crate::simulator::digital_samba::participants::Participant;
use crate::simulator::digital_samba::sessions::Session;
use crate::simulator::digital_samba::team::{Room, Team};

/// The roles that a team has from the start.
const PRESETS: [&str; 3] = ["moderator", "speaker", "attendee"];

pub(super) struct Figures(BTreeMap<&'static str, u64>);

impl Figures {
    /// The figures of any sessions.
    pub(super) fn of(team: &Team, sessions: &[&Session]) -> Self {
        let people = || sessions.iter().flat_map(|session| &session.participants);
        let minutes = participation_minutes(team, sessions);
        let encrypted = sessions.iter().copied().filter(|session| {
            let room = team.room_ever(&session.room_id);
            room.is_some_and(Room::is_encrypted)
        });
        let roles: BTreeSet<_> = people().map(|one| one.visitor.role.as_str()).collect();
        let custom = roles.iter().filter(|role| !PRESETS.contains(role));
        let most = sessions.iter().map(|session| session.participants_max);
        let most = number(most.max().unwrap_or(0));
        let mut figures = BTreeMap::from([
            ("participation_minutes", minutes),
            ("desktop_participation_minutes", minutes),
            ("active_participants", number(people().count())),
            ("desktop_participants", number(people().count())),
            (
                "live_participants",
                number(people().filter(|one| one.is_present()).count()),
            ),
            ("sessions", number(sessions.len())),
            (
                "e2ee_minutes",
                participation_minutes(team, &encrypted.collect::<Vec<_>>()),
            ),
            ("active_roles", number(roles.len())),
            ("custom_roles", number(custom.count())),
            ("max_concurrent_participants", most),
            ("max_concurrent_participants_per_session", most),
        ]);
        for session in sessions {
            let scope = Scope {
                session: &session.id,
                participant: None,
            };
            for (name, count) in team.counted(scope) {
                *figures.entry(name).or_default() += count;
            }
        }
        Self(figures)
    }

    /// The figures of sessions in several rooms, which may overlap.
    pub(super) fn of_team(team: &Team, sessions: &[&Session]) -> Self {
        let Self(mut figures) = Self::of(team, sessions);
        let people = sessions.iter().flat_map(|session| &session.participants);
        let people = people.map(|one| (one.joined_at, one.left_at));
        let meetings = sessions.iter().map(|one| (one.started_at, one.ended_at));
        let rooms: BTreeSet<_> = sessions.iter().map(|session| &session.room_id).collect();
        let live = sessions.iter().filter(|session| session.is_live());
        let recorders = team.recordings.spans();
        let recording = recorders.filter(|(_, until)| until.is_none());
        figures.extend([
            ("rooms", number(rooms.len())),
            ("live_sessions", number(live.count())),
            ("active_recorders", number(recording.count())),
            (
                "max_active_recorders",
                most_at_once(team.recordings.spans()),
            ),
            ("max_concurrent_participants", most_at_once(people)),
            ("max_concurrent_sessions", most_at_once(meetings)),
        ]);
        Self(figures)
    }

    pub(super) fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// The figures of these names, which stand in lists.
    pub(super) fn named(&self, lists: &[&str]) -> Map<String, Value> {
        let names = lists.iter().flat_map(|list| list.split_whitespace());
        names
            .map(|name| (name.to_owned(), json!(self.get(name))))
            .collect()
    }
}

fn participation_minutes(team: &Team, sessions: &[&Session]) -> u64 {
    let now = team.clock.now();
    let people = sessions.iter().flat_map(|session| &session.participants);
    let stayed: Duration = people.map(|one: &Participant| one.stayed(now)).sum();
    stayed.as_secs() / 60
}

/// How many spans overlap at most. One that ends as another begins does not overlap it.
fn most_at_once(spans: impl Iterator<Item = (UnixTime, Option<UnixTime>)>) -> u64 {
    let mut changes = Vec::new();
    for (from, until) in spans.filter(|(from, until)| Some(*from) != *until) {
        changes.push((from, 1));
        changes.extend(until.map(|until| (until, -1)));
    }
    changes.sort_unstable();
    let mut now = 0_i64;
    let counts = changes.into_iter().map(|(_, change)| {
        now += change;
        now
    });
    counts
        .max()
        .map_or(0, |most| u64::try_from(most).unwrap_or(0))
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
