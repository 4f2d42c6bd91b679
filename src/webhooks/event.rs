//! The events that Digital Samba tells, by their names of today and of the reference 1.1, and what
//! each makes doubtful.

/// What may be remembered of upstream, in which an event can make something doubtful.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remembered {
    /// A room and its settings.
    Room,
    /// A role: any room may name it.
    Role,
    /// A session.
    Session,
    /// Who is in a room.
    Participants,
    /// A recording.
    Recording,
}

use Remembered::{Participants, Recording, Role, Room, Session};

macro_rules! events {
    ($($name:ident = $word:literal: [$($doubtful:ident),*];)+) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Event {
            $(
                #[doc = concat!("`", $word, "`.")]
                $name,
            )+
        }

        /// Every event, in upstream's order.
        pub const EVENTS: &[Event] = &[$(Event::$name),+];

        impl Event {
            /// Its name today; also its word in metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// What it makes doubtful.
            pub const fn doubtful(self) -> &'static [Remembered] {
                match self { $(Self::$name => &[$($doubtful),*]),+ }
            }

            fn of_name(name: &str) -> Option<Self> {
                match name {
                    $($word => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

events! {
    SessionStarted = "session_started": [Session, Room];
    SessionEnded = "session_ended": [Session, Room, Participants];
    SessionSummaryReady = "session_summary_ready": [Session];
    SessionTranscriptReady = "session_transcript_ready": [Session];
    RoomLocked = "room_locked": [Room];
    RoomUnlocked = "room_unlocked": [Room];
    RoomDeleted = "room_deleted": [Room, Session, Participants, Recording];
    RoleDeleted = "role_deleted": [Role, Room];
    ParticipantJoined = "participant_joined": [Participants, Session];
    ParticipantLeft = "participant_left": [Participants, Session];
    ParticipantWaitingJoined = "participant_waiting_joined": [Participants];
    ParticipantWaitingLeft = "participant_waiting_left": [Participants];
    ParticipantInvited = "participant_invited": [];
    ParticipantHandRaised = "participant_hand_raised": [Participants];
    ParticipantHandLowered = "participant_hand_lowered": [Participants];
    ParticipantAvatarUploaded = "participant_avatar_uploaded": [Participants];
    ParticipantAvatarDeleted = "participant_avatar_deleted": [Participants];
    PhoneParticipantMuted = "phone_participant_muted": [Participants];
    PhoneParticipantUnmuted = "phone_participant_unmuted": [Participants];
    PhoneParticipantAskedToUnmute = "phone_participant_asked_to_unmute": [];
    RecordingStarted = "recording_started": [Recording, Session];
    RecordingStopped = "recording_stopped": [Recording, Session];
    RecordingReady = "recording_ready": [Recording];
    RecordingDeleted = "recording_deleted": [Recording];
    QuestionAsked = "question_asked": [];
    QuestionAnswered = "question_answered": [];
    QuestionUpdated = "question_updated": [];
    QuestionDismissed = "question_dismissed": [];
    QuestionReopened = "question_reopened": [];
    QuestionDeleted = "question_deleted": [];
    AnswerUpdated = "answer_updated": [];
    AnswerDeleted = "answer_deleted": [];
    FileAddedToLibrary = "file_added_to_library": [];
    FileRenamed = "file_renamed": [];
    FileDeletedFromLibrary = "file_deleted_from_library": [];
    FileProcessingFailed = "file_processing_failed": [];
    FolderAddedToLibrary = "folder_added_to_library": [];
    FolderRenamed = "folder_renamed": [];
    FolderDeletedFromLibrary = "folder_deleted_from_library": [];
}

/// The one event whose older name is not today's with dots.
const OLDER_TRANSCRIPT_READY: &str = "transcript_ready";

/// The longest name that is looked at.
const NAME_BYTES_MAX: usize = 64;

impl Event {
    /// The event of a name, in today's form or the older one with dots.
    pub fn parse(name: &str) -> Option<Self> {
        if name.len() > NAME_BYTES_MAX {
            return None;
        }
        if let Some(event) = Self::of_name(name) {
            return Some(event);
        }
        let name = name.replace('.', "_");
        if name == OLDER_TRANSCRIPT_READY {
            return Some(Self::SessionTranscriptReady);
        }
        Self::of_name(&name)
    }

    /// Whether something that we remember hangs on it: the rest need not be delivered.
    pub fn is_of_use(self) -> bool {
        match self {
            Self::SessionStarted
            | Self::SessionEnded
            | Self::RoomLocked
            | Self::RoomUnlocked
            | Self::RoomDeleted
            | Self::RoleDeleted
            | Self::ParticipantJoined
            | Self::ParticipantLeft => true,
            Self::SessionSummaryReady
            | Self::SessionTranscriptReady
            | Self::ParticipantWaitingJoined
            | Self::ParticipantWaitingLeft
            | Self::ParticipantInvited
            | Self::ParticipantHandRaised
            | Self::ParticipantHandLowered
            | Self::ParticipantAvatarUploaded
            | Self::ParticipantAvatarDeleted
            | Self::PhoneParticipantMuted
            | Self::PhoneParticipantUnmuted
            | Self::PhoneParticipantAskedToUnmute
            | Self::RecordingStarted
            | Self::RecordingStopped
            | Self::RecordingReady
            | Self::RecordingDeleted
            | Self::QuestionAsked
            | Self::QuestionAnswered
            | Self::QuestionUpdated
            | Self::QuestionDismissed
            | Self::QuestionReopened
            | Self::QuestionDeleted
            | Self::AnswerUpdated
            | Self::AnswerDeleted
            | Self::FileAddedToLibrary
            | Self::FileRenamed
            | Self::FileDeletedFromLibrary
            | Self::FileProcessingFailed
            | Self::FolderAddedToLibrary
            | Self::FolderRenamed
            | Self::FolderDeletedFromLibrary => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the reference 1.1, and today's.
    const OLDER: [(&str, &str); 8] = [
        ("session.started", "session_started"),
        ("session.ended", "session_ended"),
        ("transcript.ready", "session_transcript_ready"),
        ("participant.joined", "participant_joined"),
        ("participant.left", "participant_left"),
        ("recording.started", "recording_started"),
        ("recording.stopped", "recording_stopped"),
        ("recording.ready", "recording_ready"),
    ];

    #[test]
    fn every_event_is_known_by_its_names_and_by_no_other() {
        assert_eq!(EVENTS.len(), 39);
        for event in EVENTS {
            assert_eq!(Event::parse(event.name()), Some(*event));
            assert_eq!(Event::parse(&event.name().replace('_', ".")), Some(*event));
            assert_eq!(Event::parse(&event.name().to_uppercase()), None);
        }
        for (older, name) in OLDER {
            assert_eq!(Event::parse(older).unwrap().name(), name);
        }
        for name in [
            "",
            "room",
            "room_created",
            "participant-joined",
            &"_".repeat(999),
        ] {
            assert_eq!(Event::parse(name), None, "{name}");
        }
    }
}
