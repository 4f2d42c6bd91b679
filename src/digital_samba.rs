//! The client of the upstream REST API. Knows nothing of principals, policy or tokens, and lets
//! none of upstream's text out: what callers get are parsed values and failures in our words.

mod answer;
mod api_url;
mod backend_calls;
mod breaker;
mod budget;
mod client;
mod exchange;
mod forward;
pub mod legacy;
mod operations;
mod records;
mod room_facts;
pub mod secrets;
#[cfg(test)]
mod testing;
mod webhooks;
mod wire;

pub use api_url::ApiUrl;
pub use client::{Client, Parameters, TeamInfo};
pub use forward::{
    AnswerBody, Chunks, ForwardBody, ForwardFailure, ForwardParameters, ForwardRequest, Forwarded,
    Forwarder, JsonAnswer, StreamFault, Upload, UploadFault, UploadSender, upload,
};
pub use operations::{
    Answer, BASE_PATH, Body, Matched, Method, NoMatch, Operation, PathFault, Routes,
};
pub use records::{
    ListedRoom, LiveParticipant, LiveRoom, Moment, Page, Paging, Recording, Session,
};
pub use room_facts::RoomFacts;
pub use webhooks::{Webhook, WebhookSpec};
