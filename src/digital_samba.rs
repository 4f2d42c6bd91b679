//! The client of the upstream REST API. Knows nothing of principals, policy or tokens, and lets
//! none of upstream's text out: what callers get are parsed values and failures in our words.

mod answer;
mod api_url;
mod breaker;
mod budget;
mod client;
mod exchange;
mod operations;
#[cfg(test)]
mod testing;
mod webhooks;
mod wire;

pub use api_url::ApiUrl;
pub use client::{Client, Parameters, TeamInfo};
pub use operations::Operation;
pub use webhooks::{Webhook, WebhookSpec};
