//! room-broker stands between a product and Digital Samba video rooms, and holds the developer key
//! so that nobody else must. This page is its architecture, for whoever is about to change it.
//!
//! # The type chain
//! Each type has private fields and exactly one maker, so that the order of checks cannot be got
//! wrong: a token needs a room, a room token needs an admission, an admission needs a principal.
//!
//! ```text
//! Credential --authn--> Principal --policy--> Admission --rooms--> Room --token--> RoomToken
//! ```
//!
//! A product backend takes another way to the same end: `Credential --authn--> ServicePrincipal
//! --policy--> ServiceGrant`, where the right is a scope (`tokens:mint`) and rules are not asked.
//! On its listener the type of a handler's caller names the scope that it needs (`http::internal`).
//!
//! What is not verified is called `Unverified…`. Names and ids are parsed once at the edge into the
//! newtypes of [`domain`]. Time is a parameter: [`clock`] is the one place that asks the machine.
//!
//! # Layers
//! A module names itself and what is above it here, never what is below; a test holds this table
//! against the code.
//!
//! | | module | purpose |
//! |---|---|---|
//! | 0 | [`domain`], [`clock`] | parsed names, ids, roles, patterns; time |
//! | 1 | [`developer_key`], [`http_client`], [`metrics`], [`trace_context`] | the key; outbound HTTP; every metric in one table; W3C trace context |
//! | 2 | [`rate_limit`] | one named limiter for each use |
//! | 2 | [`state`] | what must outlive a request or be one for all replicas: in process, or Redis |
//! | 3 | [`authn`] | credential in, principal out |
//! | 4 | [`policy`] | may this principal enter this room, as what? pure |
//! | 5 | [`rooms`], [`occupancy`], [`denials`], [`audit`] | room key in, room out, found or created once; how many are in it; who is barred from where; one line for each mint |
//! | 6 | [`token`], [`digital_samba`] | the only signature of a room token; the upstream client |
//! | 7 | [`join`], [`gateway`], [`webhooks`] | the use cases, each readable on one screen; what happens upstream becomes doubt here |
//! | 8 | [`http`] | thin handlers; `http::problem` alone turns failures into statuses |
//! | 9 | [`telemetry`] | logs and traces |
//! | 10 | [`settings`] | files and environment in, each component's own parameters out |
//! | 11 | [`app`] | wiring, bind, run, reload, drain |
//! | 12 | [`cli`] | the commands |
//! | side | `simulator` | an honest Digital Samba and a small identity provider, for `dev`, `simulate` and tests: speaks HTTP, shares no type with the rest |
//!
//! # Where to look
//! Who is it? [`authn`]. May they? [`policy`]. Which room? `rooms/directory.rs`. Which token?
//! `token/mint.rs`. What may touch the key? [`developer_key`]. What can a client be told?
//! [`http::problem`]. What does upstream offer? `digital_samba/operations/catalogue.rs`. What can be configured? [`settings`] and `config/default.toml`.
//!
//! # What shapes the core
//! - A join of a cached room by a bearer that was seen before calls nobody: it costs a hash, two
//!   look-ups, one rule, one signature.
//! - A creation runs in a task of its own, one for each room key, so that a caller who hangs up
//!   cannot start a second one. Names are injective, so that two keys never share a room.
//! - Upstream down is not our down (known rooms are served stale within a bound), and neither is an
//!   identity provider (known keys serve within a bound; 503 is not 401).
//! - Values that conditions read are made when one is first read, and kept beside the verified token;
//!   no span exists for a request that is not sampled. The audit line is composed into bytes and
//!   written by a thread.
//! - Upstream is one origin: it is called by hyper's client, below `reqwest`, whose redirects and
//!   URLs made up a sixth of a call, over connections that `http_client` keeps itself. Providers,
//!   which are many, are asked by `reqwest`.
//! - Everything that a caller can fill is bounded.

pub mod app;
pub mod audit;
pub mod authn;
pub mod cli;
pub mod clock;
pub mod denials;
pub mod developer_key;
pub mod digital_samba;
pub mod domain;
pub mod gateway;
pub mod http;
pub mod http_client;
pub mod join;
pub mod metrics;
pub mod occupancy;
pub mod policy;
pub mod rate_limit;
pub mod rooms;
pub mod settings;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod state;
pub mod telemetry;
pub mod token;
pub mod trace_context;
pub mod webhooks;

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
