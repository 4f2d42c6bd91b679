//! What is wrong with a template's settings, in the operator's words.

/// One setting of a template that upstream would refuse, ignore, or that is not the template's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct SettingFault {
    /// The setting's name.
    pub setting: String,
    /// What is wrong with it.
    pub problem: SettingProblem,
}

/// What is wrong with a setting. The message continues the setting's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingProblem {
    /// No such setting.
    #[error("is no room setting of Digital Samba")]
    Unknown,
    /// Room-broker sets it itself.
    #[error("is set by room-broker for each room; leave it out")]
    Ours,
    /// An older name.
    #[error("is an older name: write {by}")]
    Replaced {
        /// The names that took its place.
        by: String,
    },
    /// Only ever answered.
    #[error("can only be read")]
    ReadOnly,
    /// A setting of the team, not of a room.
    #[error("is a setting of the team, not of a room")]
    TeamOnly,
    /// Another type.
    #[error("must be {expected}")]
    Type {
        /// In words.
        expected: &'static str,
    },
    /// Too small or too large.
    #[error("must be at least {min}{}", and_at_most(.max.as_ref()))]
    Bounds {
        /// The least.
        min: i64,
        /// The most, if upstream has one.
        max: Option<i64>,
    },
    /// Too short or too long.
    #[error("must have at least {min}{} characters", and_at_most(.max.as_ref()))]
    Length {
        /// The least.
        min: usize,
        /// The most, if upstream has one.
        max: Option<usize>,
    },
    /// None of the known words.
    #[error("must be one of: {words}")]
    Word {
        /// The words.
        words: String,
    },
    /// Another form.
    #[error("must be {expected}")]
    Format {
        /// In words.
        expected: &'static str,
    },
    /// Upstream takes it at a room's creation alone.
    #[error("can only be set when the room is created")]
    CreateOnly,
    /// Another privacy than the template's.
    #[error("is the template's to say")]
    OfTemplate,
    /// A list that says something twice.
    #[error("names something twice")]
    Twice,
    /// A text that cannot be a role.
    #[error("must name roles by their name or UUID")]
    NoRole,
    /// `default_role` without `roles`.
    #[error("needs roles, the list it is one of")]
    NeedsRoles,
    /// `roles` without `default_role`.
    #[error("has several roles and needs default_role, one of them")]
    NeedsDefaultRole,
    /// `default_role` outside of `roles`.
    #[error("must be one of roles")]
    NotAmongRoles,
    /// A locked room in which nobody could open the door.
    #[error("needs a second role: a room with a single role cannot be locked")]
    LockedForAll,
    /// More broadcasters than participants.
    #[error("must not exceed max_participants ({max_participants})")]
    MoreThanParticipants {
        /// The template's own bound.
        max_participants: i64,
    },
    /// What end-to-end encryption excludes.
    #[error("cannot be true with e2ee_enabled")]
    NotEncrypted,
}

fn and_at_most(max: Option<&impl std::fmt::Display>) -> String {
    max.map(|max| format!(" and at most {max}"))
        .unwrap_or_default()
}
