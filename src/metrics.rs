//! Every metric of the product in one table: kept handles, built once and passed down. Labels
//! have few values, all from this program or its configuration, never from a caller.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// A label set of one name whose values are words of this program.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
        pub struct $name {
            $(
                #[doc = concat!("The label `", stringify!($field), "`.")]
                pub $field: $type,
            )+
        }
    };
}

label! {
    /// How something ended.
    Outcome { outcome: &'static str }
}
label! {
    /// A join: how it ended, and the role (empty when none was given).
    Join { outcome: &'static str, role: String }
}
label! {
    /// A call upstream: the operation's name in the catalogue, and the status (or `timeout`, `unreachable`, `breaker`, `budget`, `malformed`).
    UpstreamCall { operation: &'static str, status: Cow<'static, str> }
}
label! {
    /// A call of the gateway: the operation, and the class of its status, `failed` if it was refused or failed here.
    GatewayCall { operation: &'static str, class: &'static str }
}
label! {
    /// Something about one configured issuer.
    IssuerOutcome { issuer: String, outcome: &'static str }
}
label! {
    /// One configured issuer.
    Issuer { issuer: String }
}
label! {
    /// A webhook delivery: the event by our name of it (`unknown`, or `none` where it was not read), and what came of it.
    WebhookDelivery { event: &'static str, outcome: &'static str }
}
label! {
    /// One named limit.
    Limit { limit: &'static str }
}
label! {
    /// A call of the shared state: what for, and how it ended (`ok`, or our word for the fault).
    StateCall { operation: &'static str, outcome: &'static str }
}
label! {
    /// One route of one listener: the route's name, never the path.
    Route { listener: &'static str, route: &'static str, status: u16 }
}

/// All metrics of one broker. Cheap to clone: the handles are shared.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Joins by outcome and role.
    pub joins: Family<Join, Counter>,
    /// Time to sign one room token, in seconds.
    pub mint_seconds: Histogram,
    /// Age of the developer key in use, since it was loaded, in seconds.
    pub developer_key_age_seconds: Gauge<f64, AtomicU64>,
    /// Lookups in the room cache: `hit`, `miss`, `stale`, `negative`.
    pub room_cache: Family<Outcome, Counter>,
    /// Rooms created upstream by this process.
    pub rooms_created: Counter,
    /// Lookups in the cache of verified tokens: `hit`, `miss`.
    pub verified_tokens: Family<Outcome, Counter>,
    /// Refused credentials, by our word for the reason.
    pub authentication_failures: Family<Outcome, Counter>,
    /// Fetches of signing keys by issuer: `ok`, `failed`.
    pub jwks_fetches: Family<IssuerOutcome, Counter>,
    /// Age of the newest key set of an issuer, in seconds.
    pub jwks_age_seconds: Family<Issuer, Gauge<f64, AtomicU64>>,
    /// Introspection calls by issuer: `active`, `inactive`, `failed`.
    pub introspections: Family<IssuerOutcome, Counter>,
    /// Calls upstream by operation and status.
    pub upstream_calls: Family<UpstreamCall, Counter>,
    /// Calls of the gateway by operation and class of status.
    pub gateway_calls: Family<GatewayCall, Counter>,
    /// Time of one upstream call, in seconds.
    pub upstream_seconds: Histogram,
    /// 1 while the circuit breaker is open.
    pub upstream_breaker_open: Gauge,
    /// Webhook deliveries: `accepted`, `repeated`, `ignored`, `unauthorized`, `malformed`.
    pub webhook_deliveries: Family<WebhookDelivery, Counter>,
    /// Age of an event when it arrives, in seconds.
    pub webhook_age_seconds: Histogram,
    /// What webhooks changed: `room`, `all-rooms`, `occupants`, `deferred`.
    pub webhook_effects: Family<Outcome, Counter>,
    /// Readings of who is in a room: `read`, `failed`, `limited`, `timeout`.
    pub occupancy_readings: Family<Outcome, Counter>,
    /// Checks of a rule's capacity: `free`, `full`, `unknown`.
    pub capacity_checks: Family<Outcome, Counter>,
    /// Requests refused by a limit.
    pub limited: Family<Limit, Counter>,
    /// Calls of the shared state by operation and outcome.
    pub state_calls: Family<StateCall, Counter>,
    /// 1 while the shared state can be used.
    pub state_up: Gauge,
    /// Checks of a shared limit that this process had to decide alone.
    pub limits_alone: Family<Limit, Counter>,
    /// Audit lines by outcome: `written`, `dropped`.
    pub audit_lines: Family<Outcome, Counter>,
    /// Requests answered, by route and status.
    pub http_requests: Family<Route, Counter>,
    /// Configuration reloads: `applied`, `refused`.
    pub reloads: Family<Outcome, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            joins: Family::default(),
            mint_seconds: Histogram::new(exponential_buckets(250e-9, 2.0, 14)),
            developer_key_age_seconds: Gauge::default(),
            room_cache: Family::default(),
            rooms_created: Counter::default(),
            verified_tokens: Family::default(),
            authentication_failures: Family::default(),
            jwks_fetches: Family::default(),
            jwks_age_seconds: Family::default(),
            introspections: Family::default(),
            upstream_calls: Family::default(),
            gateway_calls: Family::default(),
            upstream_seconds: Histogram::new(exponential_buckets(1e-3, 2.0, 14)),
            upstream_breaker_open: Gauge::default(),
            webhook_deliveries: Family::default(),
            webhook_age_seconds: Histogram::new(exponential_buckets(0.125, 2.0, 16)),
            webhook_effects: Family::default(),
            occupancy_readings: Family::default(),
            capacity_checks: Family::default(),
            limited: Family::default(),
            state_calls: Family::default(),
            state_up: Gauge::default(),
            limits_alone: Family::default(),
            audit_lines: Family::default(),
            http_requests: Family::default(),
            reloads: Family::default(),
        }
    }
}

impl Metrics {
    /// A registry that knows every metric, for the exposition.
    pub fn registry(&self) -> Arc<Registry> {
        let mut r = Registry::with_prefix("room_broker");
        r.register("joins", "Joins by outcome and role", self.joins.clone());
        r.register_with_unit(
            "mint",
            "Time to sign a room token",
            Unit::Seconds,
            self.mint_seconds.clone(),
        );
        r.register_with_unit(
            "developer_key_age",
            "Age of the developer key since it was loaded",
            Unit::Seconds,
            self.developer_key_age_seconds.clone(),
        );
        r.register(
            "room_cache_lookups",
            "Lookups in the room cache",
            self.room_cache.clone(),
        );
        r.register(
            "rooms_created",
            "Rooms created upstream",
            self.rooms_created.clone(),
        );
        r.register(
            "verified_token_lookups",
            "Lookups in the cache of verified tokens",
            self.verified_tokens.clone(),
        );
        r.register(
            "authentication_failures",
            "Refused credentials by reason",
            self.authentication_failures.clone(),
        );
        r.register(
            "jwks_fetches",
            "Fetches of signing keys",
            self.jwks_fetches.clone(),
        );
        r.register_with_unit(
            "jwks_age",
            "Age of the newest key set",
            Unit::Seconds,
            self.jwks_age_seconds.clone(),
        );
        r.register(
            "introspections",
            "Token introspections",
            self.introspections.clone(),
        );
        self.register_edge(&mut r);
        self.register_webhooks(&mut r);
        Arc::new(r)
    }

    fn register_webhooks(&self, r: &mut Registry) {
        r.register(
            "webhook_deliveries",
            "Webhook deliveries by event and outcome",
            self.webhook_deliveries.clone(),
        );
        r.register_with_unit(
            "webhook_age",
            "Age of an event when it arrives",
            Unit::Seconds,
            self.webhook_age_seconds.clone(),
        );
        r.register(
            "webhook_effects",
            "What webhooks changed",
            self.webhook_effects.clone(),
        );
        r.register(
            "occupancy_readings",
            "Readings of who is in a room",
            self.occupancy_readings.clone(),
        );
        r.register(
            "capacity_checks",
            "Checks of a rule's capacity",
            self.capacity_checks.clone(),
        );
    }

    fn register_edge(&self, r: &mut Registry) {
        r.register(
            "upstream_calls",
            "Upstream calls by operation and status",
            self.upstream_calls.clone(),
        );
        r.register(
            "gateway_calls",
            "Calls of product backends to the gateway",
            self.gateway_calls.clone(),
        );
        r.register_with_unit(
            "upstream",
            "Time of an upstream call",
            Unit::Seconds,
            self.upstream_seconds.clone(),
        );
        r.register(
            "upstream_breaker_open",
            "1 while the upstream circuit breaker is open",
            self.upstream_breaker_open.clone(),
        );
        r.register(
            "limited_requests",
            "Requests refused by a limit",
            self.limited.clone(),
        );
        r.register(
            "state_calls",
            "Calls of the shared state by operation and outcome",
            self.state_calls.clone(),
        );
        r.register(
            "state_up",
            "1 while the shared state can be used",
            self.state_up.clone(),
        );
        r.register(
            "limits_alone",
            "Checks of a shared limit that this process decided alone",
            self.limits_alone.clone(),
        );
        r.register(
            "audit_lines",
            "Audit lines by outcome",
            self.audit_lines.clone(),
        );
        r.register(
            "http_requests",
            "Requests answered",
            self.http_requests.clone(),
        );
        r.register("reloads", "Configuration reloads", self.reloads.clone());
    }
}
