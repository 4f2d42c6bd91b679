//! The client of the upstream REST API. Knows nothing of principals, policy or tokens, and lets
//! none of upstream's text out: what callers get are parsed values and failures in our words.

mod answer;
mod api_url;
mod backend_calls;
mod breaker;
mod budget;
mod client;
mod exchange;
mod operations;
mod records;
#[cfg(test)]
mod testing;
mod webhooks;
mod wire;

pub use api_url::ApiUrl;
pub use client::{Client, Parameters, TeamInfo};
pub use operations::Operation;
pub use records::{
    ListedRoom, LiveParticipant, LiveRoom, Moment, Page, Paging, Recording, Session,
};
pub use webhooks::{Webhook, WebhookSpec};
