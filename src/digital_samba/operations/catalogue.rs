//! The table: every operation of the upstream API, today's and those of the older reference that
//! are gone. Its facts are held against `tests/it/data/operations.json`.

use crate::domain::Scope;

use super::Answer::{Array, Empty, Export, Object, Page, Template, Text};
use super::{Operation, delete, get, patch, post};

// Those that the client calls by itself.
#[rustfmt::skip]
pub(in crate::digital_samba) const GET_TEAM: Operation = get("get_default_room_settings", "", Scope::TeamRead, Object);
#[rustfmt::skip]
pub(in crate::digital_samba) const CREATE_ROOM: Operation = post("create_room", "/rooms", Scope::RoomsWrite, Object).json();
#[rustfmt::skip]
pub(in crate::digital_samba) const LIST_ROOMS: Operation = get("list_rooms", "/rooms", Scope::RoomsRead, Page).query_of("limit offset order after tag");
#[rustfmt::skip]
pub(in crate::digital_samba) const GET_ROOM: Operation = get("get_room", "/rooms/{room}", Scope::RoomsRead, Object);
#[rustfmt::skip]
pub(in crate::digital_samba) const CREATE_ROOM_TOKEN: Operation = post("create_room_token", "/rooms/{room}/token", Scope::TokensMint, Object).json();
#[rustfmt::skip]
pub(in crate::digital_samba) const LIST_ROLES: Operation = get("list_roles", "/roles", Scope::RolesRead, Page).query_of("limit offset order");
#[rustfmt::skip]
pub(in crate::digital_samba) const UPDATE_ROOM: Operation = patch("update_room", "/rooms/{room}", Scope::RoomsWrite, Object).json();
#[rustfmt::skip]
pub(in crate::digital_samba) const DELETE_ROOM: Operation = delete("delete_room", "/rooms/{room}", Scope::RoomsDelete, Empty).json();
#[rustfmt::skip]
pub(in crate::digital_samba) const GET_ROOM_LIVE_PARTICIPANTS: Operation = get("get_room_live_participants", "/rooms/{room}/live/participants", Scope::LiveRead, Object);
#[rustfmt::skip]
pub(in crate::digital_samba) const LIST_ROOM_SESSIONS: Operation = get("list_room_sessions", "/rooms/{room}/sessions", Scope::SessionsRead, Page).query_of("date_start date_end limit offset order after live").room_by_id();
#[rustfmt::skip]
pub(in crate::digital_samba) const END_SESSION: Operation = post("end_session", "/sessions/{session}/end", Scope::SessionsEnd, Text).destructive();
#[rustfmt::skip]
pub(in crate::digital_samba) const LIST_RECORDINGS: Operation = get("list_recordings", "/recordings", Scope::RecordingsRead, Page).query_of("room_id session_id status limit offset order after");

/// Every operation, by area. A path begins with `/api/v1`, which is left out here.
#[rustfmt::skip]
pub(super) static OPERATIONS: &[Operation] = &[
    // The team and its default room settings.
    GET_TEAM,
    patch("update_default_room_settings", "", Scope::TeamWrite, Object).json(),
    // Rooms.
    CREATE_ROOM,
    LIST_ROOMS,
    delete("delete_rooms_by_tag", "/rooms", Scope::RoomsDelete, Empty).json().accepted(),
    delete("delete_rooms_by_tag_legacy", "/rooms/tags", Scope::RoomsDelete, Empty).json().accepted().older_form_of("delete_rooms_by_tag"),
    GET_ROOM,
    UPDATE_ROOM,
    DELETE_ROOM,
    delete("delete_room_resources", "/rooms/{room}/resources", Scope::RoomsDelete, Empty).json(),
    CREATE_ROOM_TOKEN,
    // Chat.
    get("list_chat_messages", "/rooms/{room}/chat", Scope::ChatRead, Page).query_of("session_id limit offset order after"),
    post("send_chat_message", "/rooms/{room}/chat", Scope::ChatWrite, Object).json(),
    delete("delete_room_chat", "/rooms/{room}/chat", Scope::ChatDelete, Empty),
    get("export_chat", "/rooms/{room}/chat/export", Scope::ChatRead, Export).json().query_of("session_id format"),
    // Questions and answers.
    get("list_questions", "/rooms/{room}/questions", Scope::QuestionsRead, Page).query_of("session_id limit offset order after"),
    post("create_question", "/rooms/{room}/questions", Scope::QuestionsWrite, Object).json(),
    delete("delete_room_questions", "/rooms/{room}/questions", Scope::QuestionsDelete, Empty),
    get("export_questions", "/rooms/{room}/questions/export", Scope::QuestionsRead, Export).json().query_of("session_id format"),
    patch("update_question", "/rooms/{room}/questions/{question}", Scope::QuestionsWrite, Object).json(),
    delete("delete_question", "/rooms/{room}/questions/{question}", Scope::QuestionsDelete, Empty).json(),
    post("dismiss_question", "/rooms/{room}/questions/{question}/dismiss", Scope::QuestionsWrite, Object).json(),
    post("reopen_question", "/rooms/{room}/questions/{question}/reopen", Scope::QuestionsWrite, Object).json(),
    post("upvote_question", "/rooms/{room}/questions/{question}/vote", Scope::QuestionsWrite, Object).json(),
    delete("remove_question_vote", "/rooms/{room}/questions/{question}/vote", Scope::QuestionsDelete, Empty).json(),
    post("create_answer", "/rooms/{room}/questions/{question}/answers", Scope::QuestionsWrite, Object).json(),
    patch("update_answer", "/rooms/{room}/questions/{question}/answers/{answer}", Scope::QuestionsWrite, Object).json(),
    delete("delete_answer", "/rooms/{room}/questions/{question}/answers/{answer}", Scope::QuestionsDelete, Empty).json(),
    post("start_live_answer", "/rooms/{room}/questions/{question}/live-answers/start", Scope::QuestionsWrite, Object).json(),
    post("stop_live_answer", "/rooms/{room}/questions/{question}/live-answers/stop", Scope::QuestionsWrite, Object).json(),
    post("cancel_live_answer", "/rooms/{room}/questions/{question}/live-answers/cancel", Scope::QuestionsWrite, Object).json(),
    // Transcripts and summaries.
    post("start_transcription", "/rooms/{room}/transcription/start", Scope::TranscriptsWrite, Text),
    post("stop_transcription", "/rooms/{room}/transcription/stop", Scope::TranscriptsWrite, Text),
    get("list_room_transcripts", "/rooms/{room}/transcripts", Scope::TranscriptsRead, Page).query_of("session_id limit offset order"),
    get("export_room_transcripts", "/rooms/{room}/transcripts/export", Scope::TranscriptsRead, Export).json().query_of("format"),
    delete("delete_room_transcripts", "/rooms/{room}/transcripts", Scope::TranscriptsDelete, Empty),
    delete("delete_room_summaries", "/rooms/{room}/summaries", Scope::TranscriptsDelete, Empty),
    // Polls.
    get("list_polls", "/rooms/{room}/polls", Scope::PollsRead, Page).query_of("limit offset order after"),
    post("create_poll", "/rooms/{room}/polls", Scope::PollsWrite, Object).json(),
    delete("delete_room_polls", "/rooms/{room}/polls", Scope::PollsDelete, Empty),
    get("get_poll", "/rooms/{room}/polls/{poll}", Scope::PollsRead, Object).room_by_id(),
    patch("update_poll", "/rooms/{room}/polls/{poll}", Scope::PollsWrite, Object).json().room_by_id(),
    delete("delete_poll", "/rooms/{room}/polls/{poll}", Scope::PollsDelete, Empty).room_by_id(),
    get("get_poll_results", "/rooms/{room}/polls/{poll}/results", Scope::PollsRead, Array).query_of("session_id"),
    get("export_polls", "/rooms/{room}/polls/export", Scope::PollsRead, Export).json().query_of("session_id format"),
    post("import_polls", "/rooms/{room}/polls/import", Scope::PollsWrite, Object).multipart().room_by_id(),
    get("get_poll_import_template", "/rooms/{room}/polls/template", Scope::PollsRead, Template).room_by_id(),
    // Quizzes.
    get("list_quizzes", "/rooms/{room}/quizzes", Scope::QuizzesRead, Page).query_of("limit offset order after"),
    post("create_quiz", "/rooms/{room}/quizzes", Scope::QuizzesWrite, Object).json(),
    delete("delete_room_quizzes", "/rooms/{room}/quizzes", Scope::QuizzesDelete, Empty),
    get("get_quiz", "/rooms/{room}/quizzes/{quiz}", Scope::QuizzesRead, Object).room_by_id(),
    patch("update_quiz", "/rooms/{room}/quizzes/{quiz}", Scope::QuizzesWrite, Object).json().room_by_id(),
    delete("delete_quiz", "/rooms/{room}/quizzes/{quiz}", Scope::QuizzesDelete, Empty).room_by_id(),
    get("get_quiz_results", "/rooms/{room}/quizzes/{quiz}/results", Scope::QuizzesRead, Array).query_of("session_id"),
    get("export_quizzes", "/rooms/{room}/quizzes/export", Scope::QuizzesRead, Export).json().query_of("format locale").room_by_id(),
    post("import_quizzes", "/rooms/{room}/quizzes/import", Scope::QuizzesWrite, Object).multipart().room_by_id(),
    get("get_quiz_import_template", "/rooms/{room}/quizzes/template", Scope::QuizzesRead, Template).room_by_id(),
    // Recordings.
    post("start_recording", "/rooms/{room}/recordings/start", Scope::RecordingsWrite, Text),
    post("stop_recording", "/rooms/{room}/recordings/stop", Scope::RecordingsWrite, Text),
    delete("delete_room_recordings", "/rooms/{room}/recordings", Scope::RecordingsDelete, Empty),
    LIST_RECORDINGS,
    get("list_archived_recordings", "/recordings/archived", Scope::RecordingsRead, Page).query_of("room_id limit offset order after"),
    get("get_recording", "/recordings/{recording}", Scope::RecordingsRead, Object),
    delete("delete_recording", "/recordings/{recording}", Scope::RecordingsDelete, Empty),
    get("get_recording_download_link", "/recordings/{recording}/download", Scope::RecordingsRead, Object).query_of("valid_for_minutes"),
    get("list_recording_bookmarks", "/recordings/{recording}/bookmarks", Scope::RecordingsRead, Array),
    post("archive_recording", "/recordings/{recording}/archive", Scope::RecordingsWrite, Text),
    post("unarchive_recording", "/recordings/{recording}/unarchive", Scope::RecordingsWrite, Text),
    // Sessions.
    get("list_sessions", "/sessions", Scope::SessionsRead, Page).query_of("date_start date_end limit offset order after live room_id"),
    LIST_ROOM_SESSIONS,
    get("get_session", "/sessions/{session}", Scope::SessionsRead, Object).query_of("metrics"),
    get("get_session_summary", "/sessions/{session}/summary", Scope::SessionsRead, Object),
    get("list_session_transcripts", "/sessions/{session}/transcripts", Scope::TranscriptsRead, Page).query_of("limit offset order"),
    get("export_session_transcripts", "/sessions/{session}/transcripts/export", Scope::TranscriptsRead, Export).json().query_of("format"),
    END_SESSION,
    delete("delete_session_chat", "/sessions/{session}/chat", Scope::ChatDelete, Empty),
    delete("delete_session_questions", "/sessions/{session}/questions", Scope::QuestionsDelete, Empty),
    delete("delete_session_summaries", "/sessions/{session}/summaries", Scope::TranscriptsDelete, Empty),
    delete("delete_session_transcripts", "/sessions/{session}/transcripts", Scope::TranscriptsDelete, Empty),
    delete("delete_session_polls", "/sessions/{session}/polls", Scope::PollsDelete, Empty),
    delete("delete_session_quizzes", "/sessions/{session}/quizzes", Scope::QuizzesDelete, Empty),
    delete("delete_session_recordings", "/sessions/{session}/recordings", Scope::RecordingsDelete, Empty),
    delete("delete_session_resources", "/sessions/{session}/resources", Scope::SessionsDelete, Empty).json(),
    // Participants.
    get("list_participants", "/participants", Scope::ParticipantsRead, Page).query_of("date_start date_end limit offset order after live room_id session_id"),
    get("get_participant", "/participants/{participant}", Scope::ParticipantsRead, Object),
    get("list_participant_sessions", "/participants/{participant}/sessions", Scope::ParticipantsRead, Page).query_of("limit offset order after").older_form_of("list_participants"),
    get("list_room_participants", "/rooms/{room}/participants", Scope::ParticipantsRead, Page).query_of("date_start date_end limit offset order after live session_id").room_by_id(),
    get("list_session_participants", "/sessions/{session}/participants", Scope::ParticipantsRead, Page).json().query_of("date_start date_end limit offset order after live"),
    post("raise_participant_hand", "/rooms/{room}/participants/{participant}/raise-hand", Scope::ParticipantsWrite, Text).room_by_id(),
    post("lower_participant_hand", "/rooms/{room}/participants/{participant}/lower-hand", Scope::ParticipantsWrite, Text).room_by_id(),
    // Phone.
    post("connect_phone", "/rooms/{room}/phone/connect", Scope::PhoneWrite, Text).room_by_id(),
    post("disconnect_phone", "/rooms/{room}/phone/disconnect", Scope::PhoneWrite, Text).room_by_id(),
    post("phone_participants_joined", "/rooms/{room}/phone-participants/joined", Scope::PhoneWrite, Text).json().room_by_id(),
    post("phone_participants_left", "/rooms/{room}/phone-participants/left", Scope::PhoneWrite, Text).json().room_by_id(),
    post("mute_phone_participant", "/rooms/{room}/phone-participants/{callId}/mute", Scope::PhoneWrite, Text).room_by_id(),
    post("unmute_phone_participant", "/rooms/{room}/phone-participants/{callId}/unmute", Scope::PhoneWrite, Text).room_by_id(),
    post("raise_phone_participant_hand", "/rooms/{room}/phone-participants/{callId}/raise-hand", Scope::PhoneWrite, Text).room_by_id(),
    post("lower_phone_participant_hand", "/rooms/{room}/phone-participants/{callId}/lower-hand", Scope::PhoneWrite, Text).room_by_id(),
    // Restreaming.
    post("start_restreamer", "/rooms/{room}/restreamers/start", Scope::RestreamersWrite, Text).json(),
    post("stop_restreamer", "/rooms/{room}/restreamers/stop", Scope::RestreamersWrite, Text),
    // Roles.
    LIST_ROLES,
    post("create_role", "/roles", Scope::RolesWrite, Object).json(),
    get("get_role", "/roles/{role}", Scope::RolesRead, Object),
    patch("update_role", "/roles/{role}", Scope::RolesWrite, Object).json(),
    delete("delete_role", "/roles/{role}", Scope::RolesDelete, Empty),
    get("list_permissions", "/permissions", Scope::RolesRead, Array),
    // Content libraries.
    get("list_libraries", "/libraries", Scope::LibrariesRead, Page).query_of("limit offset order after"),
    post("create_library", "/libraries", Scope::LibrariesWrite, Object).json(),
    get("get_library", "/libraries/{library}", Scope::LibrariesRead, Object),
    patch("update_library", "/libraries/{library}", Scope::LibrariesWrite, Object).json(),
    delete("delete_library", "/libraries/{library}", Scope::LibrariesDelete, Empty),
    get("get_library_hierarchy", "/libraries/{library}/hierarchy", Scope::LibrariesRead, Object),
    get("list_library_folders", "/libraries/{library}/folders", Scope::LibrariesRead, Page).query_of("limit offset order after"),
    post("create_library_folder", "/libraries/{library}/folders", Scope::LibrariesWrite, Object).json(),
    get("get_library_folder", "/libraries/{library}/folders/{libraryFolder}", Scope::LibrariesRead, Object),
    patch("update_library_folder", "/libraries/{library}/folders/{libraryFolder}", Scope::LibrariesWrite, Object).json(),
    delete("delete_library_folder", "/libraries/{library}/folders/{libraryFolder}", Scope::LibrariesDelete, Empty),
    get("list_library_files", "/libraries/{library}/files", Scope::LibrariesRead, Array).query_of("limit offset order after"),
    post("create_library_file", "/libraries/{library}/files", Scope::LibrariesWrite, Object).json(),
    get("get_library_file", "/libraries/{library}/files/{libraryFile}", Scope::LibrariesRead, Object),
    patch("update_library_file", "/libraries/{library}/files/{libraryFile}", Scope::LibrariesWrite, Object).json(),
    delete("delete_library_file", "/libraries/{library}/files/{libraryFile}", Scope::LibrariesDelete, Empty),
    get("get_library_file_links", "/libraries/{library}/files/{libraryFile}/links", Scope::LibrariesRead, Object),
    post("create_library_webapp", "/libraries/{library}/webapps", Scope::LibrariesWrite, Object).json(),
    post("create_library_whiteboard", "/libraries/{library}/whiteboards", Scope::LibrariesWrite, Object).json(),
    // Live.
    get("list_live_rooms", "/rooms/live", Scope::LiveRead, Page).query_of("limit offset order after"),
    get("list_live_rooms_participants", "/rooms/live/participants", Scope::LiveRead, Page).query_of("limit offset order after"),
    get("get_room_live", "/rooms/{room}/live", Scope::LiveRead, Object),
    GET_ROOM_LIVE_PARTICIPANTS,
    get("get_room_live_count", "/rooms/{room}/live/count", Scope::LiveRead, Object).older_form_of("get_room_live"),
    get("get_live_count", "/live/count", Scope::LiveRead, Object).older_form_of("get_current_statistics"),
    // Statistics.
    get("get_team_statistics", "/statistics", Scope::StatisticsRead, Object).query_of("date_start date_end metrics"),
    get("get_team_current_statistics", "/statistics/team/current", Scope::StatisticsRead, Object).query_of("metrics"),
    get("get_current_statistics", "/statistics/current", Scope::StatisticsRead, Object),
    get("get_statistics_totals", "/statistics/totals", Scope::StatisticsRead, Array),
    get("get_started_sessions_statistics", "/statistics/participants/started-sessions", Scope::StatisticsRead, Page).query_of("date_start date_end limit offset"),
    get("get_room_statistics", "/rooms/{room}/statistics", Scope::StatisticsRead, Object).query_of("date_start date_end metrics").room_by_id(),
    get("get_room_current_statistics", "/rooms/{room}/statistics/current", Scope::StatisticsRead, Object).query_of("metrics").room_by_id(),
    get("get_session_statistics", "/sessions/{session}/statistics", Scope::StatisticsRead, Object).query_of("metrics"),
    get("get_participant_statistics", "/participants/{participant}/statistics", Scope::StatisticsRead, Object),
    get("get_rooms_statistics_legacy", "/statistics/rooms", Scope::StatisticsRead, Object).older_form_of("get_statistics_totals"),
    get("get_participants_statistics_legacy", "/statistics/participants", Scope::StatisticsRead, Object).older_form_of("get_started_sessions_statistics"),
    get("get_sessions_statistics_legacy", "/statistics/sessions", Scope::StatisticsRead, Object).older_form_of("get_team_statistics"),
    get("get_recordings_statistics_legacy", "/statistics/recordings", Scope::StatisticsRead, Object).older_form_of("get_team_statistics"),
    // Webhooks.
    get("list_webhooks", "/webhooks", Scope::WebhooksRead, Page).query_of("limit offset order after"),
    post("create_webhook", "/webhooks", Scope::WebhooksWrite, Object).json(),
    get("get_webhook", "/webhooks/{webhook}", Scope::WebhooksRead, Object),
    patch("update_webhook", "/webhooks/{webhook}", Scope::WebhooksWrite, Object).json(),
    delete("delete_webhook", "/webhooks/{webhook}", Scope::WebhooksDelete, Empty),
    get("list_webhook_events", "/events", Scope::WebhooksRead, Array),
];
