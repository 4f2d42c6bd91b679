//! The limits of a listener, each by name, and the fields that tell a client of them.

use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::net::IpAddr;

use actix_web::http::header::HeaderValue;

use crate::authn::{Principal, ServicePrincipal};
use crate::clock::Clock;
use crate::metrics::{Limit, Metrics};
use crate::rate_limit::{Allowance, FailureLimiter, Limited, Limiter, Rate};
use crate::state::{Shared, State, Take, Taken, Takes};

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
    listener: &'static str,
    shared: Option<Shared>,
    metrics: Metrics,
}

/// Whether a caller is let through, and what the answer says of the limit either way.
pub(super) type Admitted = (Result<(), Limited>, Option<LimitFields>);

#[derive(Debug)]
struct By {
    principal: Limiter<u64>,
    service: Limiter<u64>,
    address: Limiter<AddressKey>,
    failures: FailureLimiter<AddressKey>,
    principal_policy: HeaderValue,
    service_policy: HeaderValue,
    shared: SharedTakes,
    hasher: RandomState,
}

/// What each check takes where limits are shared.
#[derive(Debug)]
struct SharedTakes {
    principal: Takes,
    service: Takes,
    /// Asks whether the address failed too often.
    barred: Takes,
    address: Takes,
    failure: Takes,
}

/// What the answer says of the caller's limit: `RateLimit-Policy` and `RateLimit`
/// (draft-ietf-httpapi-ratelimit-headers).
#[derive(Debug, Clone)]
pub(super) struct LimitFields {
    /// The policy.
    pub(super) policy: HeaderValue,
    /// What is left of it.
    pub(super) state: HeaderValue,
}

impl Limits {
    /// Limiters of the listener of this name. Where state is shared, so are they.
    pub fn new(
        listener: &'static str,
        parameters: Option<LimitParameters>,
        state: &State,
        clock: &Clock,
        metrics: Metrics,
    ) -> Self {
        Self {
            by: parameters.map(|parameters| By::new(&parameters, clock)),
            listener,
            shared: state.shared().cloned(),
            metrics,
        }
    }

    /// Whether a check has to ask others.
    pub(super) fn are_shared(&self) -> bool {
        self.by.is_some() && self.shared.is_some()
    }

    /// Takes one from the principal's bucket, or says that it is empty; and what the answer says of
    /// it either way. Of this process's own bucket, where limits are shared.
    pub(super) fn admit_principal_alone(&self, principal: &Principal) -> Admitted {
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

    /// The same of the bucket that all replicas take from.
    pub(super) async fn admit_principal(&self, principal: &Principal) -> Admitted {
        let Some(by) = &self.by else {
            return (Ok(()), None);
        };
        let (issuer, subject) = (principal.issuer_name(), principal.subject().as_str());
        let subject = [self.listener, issuer, subject];
        match self.ask(&subject, &by.shared.principal).await {
            Some(checked) => fields("principal", &by.principal_policy, self.counted(checked)),
            None => self.admit_principal_alone(principal),
        }
    }

    /// The same for a product backend.
    pub(super) async fn admit_service(&self, service: &ServicePrincipal) -> Admitted {
        let Some(by) = &self.by else {
            return (Ok(()), None);
        };
        let subject = [self.listener, service.kind().as_str(), service.id()];
        let asked = self.ask(&subject, &by.shared.service).await;
        let checked = asked.unwrap_or_else(|| {
            let key = by.hasher.hash_one((service.kind(), service.id()));
            by.service.check(&key)
        });
        fields("service", &by.service_policy, self.counted(checked))
    }

    /// Whether credentials from this address failed too often.
    ///
    /// # Errors
    /// [`Limited`] when they did.
    pub(super) async fn check_failures(&self, address: IpAddr) -> Result<(), Limited> {
        let Some(by) = &self.by else { return Ok(()) };
        let key = AddressKey::from(address);
        if let Some(checked) = self.ask_for_address(&key, &by.shared.barred).await {
            return self.counted(checked).map(|_allowance| ());
        }
        self.counted(by.failures.check(&key))
    }

    /// Takes one from the address's bucket, and asks whether it failed too often: before any
    /// cryptography.
    ///
    /// # Errors
    /// [`Limited`] when it is empty or barred.
    pub(super) async fn admit_address(&self, address: IpAddr) -> Result<(), Limited> {
        let Some(by) = &self.by else { return Ok(()) };
        let key = AddressKey::from(address);
        if let Some(checked) = self.ask_for_address(&key, &by.shared.address).await {
            return self.counted(checked).map(|_allowance| ());
        }
        self.counted(by.failures.check(&key))?;
        self.counted(by.address.check(&key)).map(|_allowance| ())
    }

    /// Notes that a credential from this address was refused.
    pub(super) async fn note_failure(&self, address: IpAddr) {
        let Some(by) = &self.by else { return };
        let key = AddressKey::from(address);
        // Here too, for the time when Redis does not answer.
        by.failures.note_failure(&key);
        let _counted_if_it_could = self.ask_for_address(&key, &by.shared.failure).await;
    }

    /// [`Limits::ask`] with a client address as the subject.
    async fn ask_for_address(
        &self,
        address: &AddressKey,
        takes: &Takes,
    ) -> Option<Result<Allowance, Limited>> {
        // As a text the key costs more than looking it up here.
        if !self.are_shared() {
            return None;
        }
        let subject = [self.listener, &address.to_string()];
        self.ask(&subject, takes).await
    }

    /// Takes where all replicas take, in one round trip of bounded time; `None` where nobody else
    /// is to be asked, or none answers: then this process decides alone, as if it were the only one.
    async fn ask(&self, subject: &[&str], takes: &Takes) -> Option<Result<Allowance, Limited>> {
        let shared = self.shared.as_ref()?;
        match shared.take(subject, takes).await {
            Ok(Taken::Admitted { remaining }) => Some(Ok(Allowance { remaining })),
            Ok(Taken::Refused { at, retry_after }) => Some(Err(Limited {
                limit: takes.all().get(at).map_or("", |take| take.limit),
                retry_after,
            })),
            Err(_fault) => {
                for limit in takes.all().iter().map(|take| take.limit) {
                    let alone = &self.metrics.limits_alone;
                    alone.get_or_create(&Limit { limit }).inc();
                }
                None
            }
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

impl By {
    fn new(parameters: &LimitParameters, clock: &Clock) -> Self {
        let LimitParameters {
            principal,
            service,
            address,
            failures,
            tracked_max,
        } = *parameters;
        let of_ids = |name, rate| {
            let overflow = std::convert::identity;
            Limiter::new(name, rate, tracked_max, overflow, clock.clone())
        };
        let of_addresses =
            |name, rate| Limiter::new(name, rate, tracked_max, AddressKey::Shared, clock.clone());
        let shared = SharedTakes {
            principal: Takes::new(&[take("principal", principal, 1)]),
            service: Takes::new(&[take("service", service, 1)]),
            barred: Takes::new(&[take("failures", failures, 0)]),
            address: Takes::new(&[take("failures", failures, 0), take("address", address, 1)]),
            failure: Takes::new(&[take("failures", failures, 1)]),
        };
        Self {
            shared,
            principal: of_ids("principal", principal),
            service: of_ids("service", service),
            address: of_addresses("address", address),
            failures: FailureLimiter::new(of_addresses("failures", failures)),
            principal_policy: policy_field("principal", principal),
            service_policy: policy_field("service", service),
            hasher: RandomState::new(),
        }
    }
}

/// To take so many of what a limit lets through.
fn take(limit: &'static str, rate: Rate, cost: u32) -> Take {
    Take { limit, rate, cost }
}

fn fields(name: &str, policy: &HeaderValue, checked: Result<Allowance, Limited>) -> Admitted {
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
