//! What a product backend may do: scopes such as `rooms:read`, one row of a table for each.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// One row: the area, the kind, what the scope opens.
type Row = (&'static str, &'static str, &'static str);

macro_rules! scopes {
    ($($name:ident = $area:literal : $kind:literal, $opens:literal;)+) => {
        /// One right of a product backend: an area and what may be done in it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scope {
            $(#[doc = $opens] $name,)+
        }

        impl Scope {
            /// Every scope.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            const fn row(self) -> Row {
                match self {
                    $(Self::$name => ($area, $kind, $opens),)+
                }
            }

            /// The scope as it is written.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($area, ":", $kind),)+
                }
            }
        }
    };
}

scopes! {
    TeamRead = "team":"read", "Read the team's default room settings.";
    TeamWrite = "team":"write", "Change the team's default room settings.";
    RoomsRead = "rooms":"read", "Read and list rooms.";
    RoomsWrite = "rooms":"write", "Create rooms and change their settings.";
    RoomsDelete = "rooms":"delete", "Delete rooms, and what was recorded in them.";
    TokensMint = "tokens":"mint", "Let anybody into a room in any role that it has: join links and tokens.";
    SessionsRead = "sessions":"read", "Read sessions and their summaries.";
    SessionsEnd = "sessions":"end", "End a running session, for everybody in it.";
    SessionsDelete = "sessions":"delete", "Delete what is left of a session.";
    ParticipantsRead = "participants":"read", "Read who took part, and when.";
    ParticipantsWrite = "participants":"write", "Raise and lower participants' hands.";
    LiveRead = "live":"read", "Read which rooms are live, and who is in them.";
    RecordingsRead = "recordings":"read", "List recordings and get links to their files.";
    RecordingsWrite = "recordings":"write", "Start, stop and archive recordings.";
    RecordingsDelete = "recordings":"delete", "Delete recordings.";
    TranscriptsRead = "transcripts":"read", "Read transcripts.";
    TranscriptsWrite = "transcripts":"write", "Start and stop transcription.";
    TranscriptsDelete = "transcripts":"delete", "Delete transcripts and summaries.";
    ChatRead = "chat":"read", "Read chats.";
    ChatWrite = "chat":"write", "Write into chats.";
    ChatDelete = "chat":"delete", "Delete chats.";
    QuestionsRead = "questions":"read", "Read questions and answers.";
    QuestionsWrite = "questions":"write", "Ask, answer, vote, dismiss and reopen.";
    QuestionsDelete = "questions":"delete", "Delete questions, answers and votes.";
    PollsRead = "polls":"read", "Read polls and their results.";
    PollsWrite = "polls":"write", "Create and change polls.";
    PollsDelete = "polls":"delete", "Delete polls.";
    QuizzesRead = "quizzes":"read", "Read quizzes and their results.";
    QuizzesWrite = "quizzes":"write", "Create and change quizzes.";
    QuizzesDelete = "quizzes":"delete", "Delete quizzes.";
    RolesRead = "roles":"read", "Read the team's roles and permissions.";
    RolesWrite = "roles":"write", "Create and change roles.";
    RolesDelete = "roles":"delete", "Delete roles.";
    LibrariesRead = "libraries":"read", "Read content libraries and get links to their files.";
    LibrariesWrite = "libraries":"write", "Create and change libraries, folders and files.";
    LibrariesDelete = "libraries":"delete", "Delete libraries, folders and files.";
    PhoneRead = "phone":"read", "Read who is in by telephone.";
    PhoneWrite = "phone":"write", "Connect, disconnect, mute and announce callers.";
    RestreamersWrite = "restreamers":"write", "Start and stop streams to elsewhere.";
    WebhooksRead = "webhooks":"read", "Read webhooks and the events that there are.";
    WebhooksWrite = "webhooks":"write", "Create and change webhooks.";
    WebhooksDelete = "webhooks":"delete", "Delete webhooks.";
    DenialsRead = "denials":"read", "Read who is barred from which rooms.";
    DenialsWrite = "denials":"write", "Bar people from rooms until a time.";
    DenialsDelete = "denials":"delete", "Lift what bars people from rooms.";
    StatisticsRead = "statistics":"read", "Read statistics.";
    PolicyExplain = "policy":"explain", "Ask which rule decides for a user's claims, and why.";
    SecretsRead = "secrets":"read", "See secrets unmasked in answers. Never part of a wildcard: it must be named.";
}

impl Scope {
    /// The area, before the colon.
    pub const fn area(self) -> &'static str {
        self.row().0
    }

    /// What may be done there, after the colon.
    pub const fn kind(self) -> &'static str {
        self.row().1
    }

    /// What the scope opens, in a line.
    pub const fn opens(self) -> &'static str {
        self.row().2
    }

    /// Whether a wildcard gives it. What `secrets:read` shows can be used elsewhere and for good
    /// (stream keys, webhook credentials), so that whoever writes `*` must not give it unawares.
    const fn is_in_wildcards(self) -> bool {
        !matches!(self, Self::SecretsRead)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why a text names no scope. Repeats nothing of it, but says what is near.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScopeFault {
    /// There is no such scope, but one that looks like it.
    #[error("is not a scope; did you mean {near}?")]
    Near {
        /// The one that begins and ends most alike.
        near: Scope,
    },
    /// There is nothing like it.
    #[error("is not a scope; they are written as rooms:read, rooms:* or *")]
    Unknown,
    /// A wildcard of an area whose only scope is to be named.
    #[error("must be named in full: no wildcard gives secrets:read")]
    MustBeNamed,
}

/// Scopes that somebody has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// Whether it holds this one.
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Adds the scopes of another.
    pub fn add(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// The scopes that both hold.
    #[must_use]
    pub fn within(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }

    /// The scopes in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One entry of a list of scopes: a scope, `area:*`, or `*`.
impl FromStr for ScopeSet {
    type Err = ScopeFault;

    fn from_str(text: &str) -> Result<Self, ScopeFault> {
        if let Some(scope) = Scope::ALL.iter().find(|scope| scope.as_str() == text) {
            return Ok(Self(BTreeSet::from([*scope])));
        }
        let area = match text.split_once(':') {
            None if text == "*" => None,
            Some((area, "*")) => Some(area),
            Some(_) | None => return Err(unknown(text)),
        };
        let of_area: Vec<Scope> = Scope::ALL
            .iter()
            .filter(|scope| area.is_none_or(|area| scope.area() == area))
            .copied()
            .collect();
        if of_area.is_empty() {
            return Err(unknown(text));
        }
        let given = of_area.into_iter().filter(|scope| scope.is_in_wildcards());
        let given: BTreeSet<Scope> = given.collect();
        if given.is_empty() {
            return Err(ScopeFault::MustBeNamed);
        }
        Ok(Self(given))
    }
}

fn unknown(text: &str) -> ScopeFault {
    let alike = |pair: &(u8, u8)| pair.0 == pair.1;
    let shared = |scope: &Scope| {
        let name = scope.as_str();
        let beginning = name.bytes().zip(text.bytes());
        let end = name.bytes().rev().zip(text.bytes().rev());
        beginning.take_while(alike).count() + end.take_while(alike).count()
    };
    // The first of the best: `max_by_key` would give the last.
    let nearest = Scope::ALL.iter().rev().max_by_key(|scope| shared(scope));
    match nearest {
        Some(near) if shared(near) * 2 >= text.len() && shared(near) > 0 => {
            ScopeFault::Near { near: *near }
        }
        Some(_) | None => ScopeFault::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ScopeSet {
        text.parse().unwrap()
    }

    #[test]
    fn every_scope_is_written_once_and_parses() {
        let mut seen = BTreeSet::new();
        for scope in Scope::ALL {
            assert!(seen.insert(scope.as_str()), "{scope} twice");
            assert_eq!(scope.as_str(), format!("{}:{}", scope.area(), scope.kind()));
            assert!(parse(scope.as_str()).contains(*scope));
        }
    }

    #[test]
    fn wildcards_give_an_area_or_all_but_never_secrets() {
        let rooms: Vec<Scope> = parse("rooms:*").iter().collect();
        assert_eq!(
            rooms,
            [Scope::RoomsRead, Scope::RoomsWrite, Scope::RoomsDelete]
        );
        let all = parse("*");
        assert_eq!(all.iter().count(), Scope::ALL.len() - 1);
        assert!(!all.contains(Scope::SecretsRead));
        assert_eq!(
            "secrets:*".parse::<ScopeSet>(),
            Err(ScopeFault::MustBeNamed)
        );
    }

    #[test]
    fn an_unknown_scope_is_a_fault_that_names_a_near_one() {
        for (text, fault) in [
            (
                "rooms:raed",
                ScopeFault::Near {
                    near: Scope::RoomsRead,
                },
            ),
            (
                "room:read",
                ScopeFault::Near {
                    near: Scope::RoomsRead,
                },
            ),
            ("", ScopeFault::Unknown),
            ("**", ScopeFault::Unknown),
            (":*", ScopeFault::Unknown),
            ("zoom:*", ScopeFault::Unknown),
            ("ROOMS READ", ScopeFault::Unknown),
        ] {
            assert_eq!(text.parse::<ScopeSet>(), Err(fault), "{text:?}");
        }
    }

    #[test]
    fn a_set_within_another_is_what_both_hold() {
        let narrowed = parse("rooms:*").within(&parse("rooms:read"));
        assert_eq!(narrowed, parse("rooms:read"));
        assert!(parse("chat:*").within(&parse("rooms:*")).is_empty());
    }
}
