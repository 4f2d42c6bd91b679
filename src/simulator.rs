//! Stand-ins for the two programs that room-broker talks to: an honest Digital Samba and a small
//! OpenID provider, for `room-broker dev`, `room-broker simulate` and tests. They speak HTTP only and share nothing
//! with the broker but the clock: a mistake in the broker's wire types must not be repeated here.
//!
//! # Controls over HTTP
//! Beside what they simulate, both answer below `/_sim`, without a credential: what [`Controls`]
//! does, for tests that are not written in Rust. A POST needs `Content-Type: application/json`, so
//! that no page of a stranger can send one. An operation is named by its catalogue id, such as
//! `create_room`; `*` means any.
//!
//! | call | body | what it does |
//! |---|---|---|
//! | `GET counts` | | how often each operation was called, was done, is in flight, waits |
//! | `POST faults/{operation}` | a [`Fault`]: `{"kind":"status","status":503,"times":2}` | makes it fail |
//! | `DELETE faults/{operation}` | | ends its faults, and lets go what hangs |
//! | `POST gates/{operation}` | `{"moment":"after_effect"}`, or nothing for before | holds it |
//! | `DELETE gates/{operation}` | | lets it go |
//! | `GET clock` | | `{"now":1781000000}`, where the clock may be moved |
//! | `POST clock` | `{"advance_s":300}` | moves the clock ahead: sessions end, rooms and tokens expire |
//! | `POST reset` | `{}` | as after the start, but for the clock |
//!
//! What people do in rooms, the simulated Digital Samba alone; `participant` is `{"id":…}`, or
//! `{"name":…,"external_id":…}` for somebody whom nobody knows:
//!
//! | call | body | what it does |
//! |---|---|---|
//! | `GET joins` | | every entry into a room with a valid token |
//! | `POST rooms/{room}/participants` | a [`digital_samba::Visitor`]: `{"role":"attendee"}` | comes in |
//! | `DELETE rooms/{room}/participants` | | everybody leaves |
//! | `DELETE participants/{id}` | | one leaves |
//! | `POST participants/{id}/speech` | a [`digital_samba::Speech`] | says something, aloud |
//! | `POST rooms/{room}/bookmarks` | a [`digital_samba::Bookmark`] | marks a moment of a recording |
//! | `POST rooms/{room}/chat` | `participant`, `message`, `breakout_id` | writes something |
//! | `POST rooms/{room}/polls`, `…/quizzes` | as the API's own | makes one in the meeting |
//! | `POST rooms/{room}/polls/{poll}/votes`, `…/quizzes/{quiz}/votes` | `participant`, `choices`: ids, or words in a free poll | chooses |
//! | `DELETE rooms/{room}` | | goes behind everybody's back |
//! | `POST variations` | [`digital_samba::Variations`] | chooses among documented shapes of answers |

mod controls;
pub mod digital_samba;
mod exchange;
mod fault;
pub mod identity_provider;
mod server;
#[cfg(test)]
mod tests;

pub use controls::{Controls, Count, Moment};
pub use fault::{Fault, FaultKind};
