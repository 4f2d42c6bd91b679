//! The limits of a listener, each by name, and the fields that tell a client of them.

use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::net::IpAddr;

use actix_web::http::header::HeaderValue;

use crate::authn::{Principal, ServicePrincipal};
use crate::clock::Clock;
use crate::metrics::{Limit, Metrics};
use crate::rate_limit::{Allowance, FailureLimiter, Limited, Limiter, Rate};

use super::client_address::AddressKey;

/// How often whom. `None` in the place of all of it turns limits off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitParameters {
    /// Of one user.
    pub principal: Rate,
    /// Of one product backend.
    pub service: Rate,
    /// Of one client address, for requests whose credential was not seen before.
    pub address: Rate,
    /// Failed authentications of one client address.
    pub failures: Rate,
    /// Keys kept for each limit.
    pub tracked_max: usize,
}

/// The limiters of one listener.
#[derive(Debug)]
pub struct Limits {
    by: Option<By>,
    metrics: Metrics,
}

#[derive(Debug)]
struct By {
    principal: Limiter<u64>,
    service: Limiter<u64>,
    address: Limiter<AddressKey>,
    failures: FailureLimiter<AddressKey>,
    principal_policy: HeaderValue,
    service_policy: HeaderValue,
    hasher: RandomState,
}

/// What the answer says of the caller's limit: `RateLimit-Policy` and `RateLimit`
/// (draft-ietf-httpapi-ratelimit-headers).
#[derive(Debug, Clone)]
pub struct LimitFields {
    /// The policy.
    pub policy: HeaderValue,
    /// What is left of it.
    pub state: HeaderValue,
}

impl Limits {
    /// Limiters with these parameters.
    pub fn new(parameters: Option<LimitParameters>, clock: &Clock, metrics: Metrics) -> Self {
        let by = parameters.map(
            |LimitParameters {
                 principal,
                 service,
                 address,
                 failures,
                 tracked_max,
             }| By {
                principal: Limiter::new(
                    "principal",
                    principal,
                    tracked_max,
                    std::convert::identity,
                    clock.clone(),
                ),
                service: Limiter::new(
                    "service",
                    service,
                    tracked_max,
                    std::convert::identity,
                    clock.clone(),
                ),
                address: Limiter::new(
                    "address",
                    address,
                    tracked_max,
                    AddressKey::Shared,
                    clock.clone(),
                ),
                failures: FailureLimiter::new(Limiter::new(
                    "failures",
                    failures,
                    tracked_max,
                    AddressKey::Shared,
                    clock.clone(),
                )),
                principal_policy: policy_field("principal", principal),
                service_policy: policy_field("service", service),
                hasher: RandomState::new(),
            },
        );
        Self { by, metrics }
    }

    /// Takes one from the principal's bucket, or says that it is empty; and what the answer says of
    /// it either way.
    pub fn admit_principal(
        &self,
        principal: &Principal,
    ) -> (Result<(), Limited>, Option<LimitFields>) {
        let Some(by) = &self.by else {
            return (Ok(()), None);
        };
        // Keyed with a secret of this process: nobody can aim at another's bucket.
        let key = by
            .hasher
            .hash_one((principal.issuer_name(), principal.subject().as_str()));
        let checked = self.counted(by.principal.check(&key));
        fields("principal", &by.principal_policy, checked)
    }

    /// The same for a product backend.
    pub fn admit_service(
        &self,
        service: &ServicePrincipal,
    ) -> (Result<(), Limited>, Option<LimitFields>) {
        let Some(by) = &self.by else {
            return (Ok(()), None);
        };
        let key = by.hasher.hash_one((service.kind(), service.id()));
        let checked = self.counted(by.service.check(&key));
        fields("service", &by.service_policy, checked)
    }

    /// Whether credentials from this address failed too often.
    ///
    /// # Errors
    /// [`Limited`] when they did.
    pub fn check_failures(&self, address: IpAddr) -> Result<(), Limited> {
        let Some(by) = &self.by else { return Ok(()) };
        self.counted(by.failures.check(&AddressKey::from(address)))
            .map(|_allowance| ())
    }

    /// Takes one from the address's bucket, and asks whether it failed too often: before any
    /// cryptography.
    ///
    /// # Errors
    /// [`Limited`] when it is empty or barred.
    pub fn admit_address(&self, address: IpAddr) -> Result<(), Limited> {
        let Some(by) = &self.by else { return Ok(()) };
        let key = AddressKey::from(address);
        self.counted(by.failures.check(&key))?;
        self.counted(by.address.check(&key)).map(|_allowance| ())
    }

    /// Notes that a credential from this address was refused.
    pub fn note_failure(&self, address: IpAddr) {
        if let Some(by) = &self.by {
            by.failures.note_failure(&AddressKey::from(address));
        }
    }

    fn counted<T>(&self, checked: Result<T, Limited>) -> Result<T, Limited> {
        checked.inspect_err(|limited| {
            self.metrics
                .limited
                .get_or_create(&Limit {
                    limit: limited.limit,
                })
                .inc();
        })
    }
}

fn fields(
    name: &str,
    policy: &HeaderValue,
    checked: Result<Allowance, Limited>,
) -> (Result<(), Limited>, Option<LimitFields>) {
    let left = checked.unwrap_or(Allowance { remaining: 0 });
    let fields = LimitFields {
        policy: policy.clone(),
        state: state_field(name, left),
    };
    (checked.map(|_allowance| ()), Some(fields))
}

fn policy_field(name: &str, rate: Rate) -> HeaderValue {
    // The bucket holds `burst` and is full again after the time that as many take at the rate.
    let window = u64::from(rate.burst.get())
        .saturating_mul(60)
        .div_ceil(u64::from(rate.per_minute.get()));
    let text = format!("\"{name}\";q={};w={window}", rate.burst);
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("\"default\""))
}

fn state_field(name: &str, allowance: Allowance) -> HeaderValue {
    let mut text = Vec::with_capacity(32);
    // Writing into memory does not fail.
    let _written = write!(text, "\"{name}\";r={}", allowance.remaining);
    HeaderValue::from_maybe_shared(actix_web::web::Bytes::from(text))
        .unwrap_or(HeaderValue::from_static("\"default\""))
}
