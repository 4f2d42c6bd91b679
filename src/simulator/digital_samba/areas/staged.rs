//! What participants do in meetings, staged by tests over HTTP: the API has no calls for it.

use super::{Answer, Call, Team, body_of, chat, polls, quizzes};

/// The deed for a path below `/_sim`.
pub(in crate::simulator::digital_samba) fn act(
    team: &mut Team,
    call: &Call,
    path: &[&str],
) -> Option<Answer> {
    let ("POST", ["rooms", room, what @ ..]) = (call.method.as_str(), path) else {
        return None;
    };
    let body = match body_of(call) {
        Ok(body) => body,
        Err(refusal) => return Some(Err(refusal)),
    };
    Some(match *what {
        ["chat"] => chat::say(team, room, &body),
        ["polls"] => polls::make(team, room, &body),
        ["polls", poll, "votes"] => polls::vote(team, room, poll, &body),
        ["quizzes"] => quizzes::make(team, room, &body),
        ["quizzes", quiz, "votes"] => quizzes::vote(team, room, quiz, &body),
        _ => return None,
    })
}
