//! Failures of the use cases, as problems: one exhaustive match for each.

use std::time::Duration;

use crate::authn::AuthnError;
use crate::denials::Denied;
use crate::digital_samba::{ForwardFailure, PathFault, UploadFault};
use crate::gateway::GatewayError;
use crate::join::JoinError;
use crate::metrics::{Metrics, Outcome};
use crate::policy::Refusal;
use crate::rate_limit::Limited;
use crate::rooms::{ResolveError, UpstreamFailure};
use crate::state::{RecordFault, StateFault};
use crate::token::MintError;

use super::problem::{Code, Problem};

/// When to come back after an upstream call that ran out of time.
const AFTER_TIMEOUT: Duration = Duration::from_secs(2);

/// When to come back after the shared state could not be used.
const AFTER_STATE_FAULT: Duration = Duration::from_secs(1);

/// The challenge to a request without a credential (RFC 6750 section 3).
pub(super) const MISSING_TOKEN: &str = r#"Bearer realm="room-broker""#;

/// The challenge to a request whose credential does not hold.
pub(super) const INVALID_TOKEN: &str = r#"Bearer realm="room-broker", error="invalid_token""#;

/// A limit is reached.
pub(super) fn limited(limited: Limited) -> Problem {
    Problem::new(Code::RateLimited)
        .retry_after(limited.retry_after)
        .because(limited)
}

/// A credential was refused, or could not be checked. The caller never reads why.
pub(super) fn unauthenticated(error: AuthnError, metrics: &Metrics) -> Problem {
    metrics
        .authentication_failures
        .get_or_create(&Outcome {
            outcome: error.reason(),
        })
        .inc();
    match error {
        AuthnError::Invalid(reason) => Problem::new(Code::Unauthorized)
            .challenge(INVALID_TOKEN)
            .because(reason.as_str()),
        AuthnError::ProviderUnavailable { retry_after, .. } => {
            Problem::new(Code::IdentityProviderUnavailable)
                .retry_after(retry_after)
                .because(error)
        }
    }
}

impl From<JoinError> for Problem {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Refused(refusal) => refusal.into(),
            JoinError::FieldNotChosen { field } => Self::new(Code::FieldNotAllowed)
                .member(field)
                .detail("Leave the member out: it is taken from the verified claims."),
            JoinError::Full(full) => Self::new(Code::RoomFull).retry_after(full.retry_after),
            JoinError::Denied(denied) => denied.into(),
            JoinError::Room(error) => error.into(),
            JoinError::Mint(error) => error.into(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::RoleNotAllowed { ref allowed, .. } => Self::new(Code::RoleNotAllowed)
                .roles(allowed.to_vec())
                .detail("Ask for one of the roles listed, or for none."),
            Refusal::NoRule
            | Refusal::RefusedByRule { .. }
            | Refusal::Unevaluable { .. }
            | Refusal::CredentialEnded { .. } => Self::new(Code::Forbidden),
        }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Barred => Self::new(Code::Forbidden),
            Denied::NotKnownYet => Self::new(Code::StateUnavailable)
                .retry_after(AFTER_STATE_FAULT)
                .because(denied),
        }
    }
}

impl From<RecordFault> for Problem {
    fn from(fault: RecordFault) -> Self {
        match fault {
            RecordFault::State(fault) => fault.into(),
            // Denials are the only records that are asked for by their ids.
            RecordFault::OtherVersion { .. } | RecordFault::Unreadable { .. } => {
                Self::new(Code::DenialUnreadable).because(fault)
            }
        }
    }
}

impl From<StateFault> for Problem {
    fn from(fault: StateFault) -> Self {
        Self::new(Code::StateUnavailable)
            .retry_after(AFTER_STATE_FAULT)
            .because(fault)
    }
}

impl From<ResolveError> for Problem {
    fn from(error: ResolveError) -> Self {
        match error {
            // A room that is not there and one that is closed to the caller answer alike.
            ResolveError::NotFound => Self::new(Code::Forbidden),
            ResolveError::BelongsToAnother | ResolveError::Unclaimed | ResolveError::NotPrivate => {
                Self::new(Code::RoomConflict).because(error)
            }
            ResolveError::Busy => Self::new(Code::UpstreamBusy)
                .retry_after(AFTER_TIMEOUT)
                .because(error),
            ResolveError::Upstream(failure) => failure.into(),
        }
    }
}

impl From<UpstreamFailure> for Problem {
    fn from(failure: UpstreamFailure) -> Self {
        match failure {
            UpstreamFailure::Refused { .. } => Self::new(Code::UpstreamRefused).because(failure),
            UpstreamFailure::OutOfBudget { retry_after } => Self::new(Code::UpstreamBusy)
                .retry_after(retry_after)
                .because(failure),
            UpstreamFailure::Unavailable { retry_after } => Self::new(Code::UpstreamUnavailable)
                .retry_after(retry_after)
                .because(failure),
            UpstreamFailure::Timeout => Self::new(Code::UpstreamTimeout)
                .retry_after(AFTER_TIMEOUT)
                .because(failure),
            UpstreamFailure::Malformed { .. } => {
                Self::new(Code::UpstreamMalformed).because(failure)
            }
            UpstreamFailure::Rejected { .. } => Self::new(Code::UpstreamRejected).because(failure),
        }
    }
}

impl From<GatewayError> for Problem {
    fn from(error: GatewayError) -> Self {
        match error {
            GatewayError::RoomNotOpen => Self::new(Code::Forbidden).detail(
                "The credential is for some rooms alone: this is none of them, or no room.",
            ),
            GatewayError::NotJson => Self::new(Code::MalformedJson),
            GatewayError::NotAnObject => {
                Self::new(Code::InvalidField).detail("The body must be a JSON object.")
            }
            GatewayError::MaskSentBack => Self::new(Code::InvalidField).detail(
                "The body has a masked secret in it: leave the member out, or send the secret.",
            ),
            GatewayError::NotImplemented { instead } => {
                Self::new(Code::NotImplemented).detail(format!("It has {instead} in its place."))
            }
            GatewayError::Denied(denied) => denied.into(),
            GatewayError::Mint(error) => error.into(),
            GatewayError::Forward(failure) => failure.into(),
        }
    }
}

impl From<ForwardFailure> for Problem {
    fn from(failure: ForwardFailure) -> Self {
        match failure {
            ForwardFailure::ShareUsedUp { retry_after }
            | ForwardFailure::Crowded { retry_after } => Self::new(Code::RateLimited)
                .retry_after(retry_after)
                .because(failure),
            ForwardFailure::TooLong => Self::new(Code::BadRequest)
                .detail("Shorten the query: encoded, it is longer than upstream can be sent."),
            ForwardFailure::Upload(fault) => fault.into(),
            ForwardFailure::Upstream(failure) => failure.into(),
        }
    }
}

impl From<UploadFault> for Problem {
    fn from(fault: UploadFault) -> Self {
        match fault {
            UploadFault::NotMultipart => Self::new(Code::UnsupportedMediaType)
                .detail("Send Content-Type: multipart/form-data with its boundary."),
            UploadFault::TooLong => Self::new(Code::PayloadTooLarge),
            UploadFault::Malformed => Self::new(Code::BadRequest)
                .detail("The form does not begin or end with its boundary."),
            UploadFault::TooSlow => Self::new(Code::BodyTimeout),
            UploadFault::BrokenOff => Self::new(Code::BadRequest).because(fault),
        }
    }
}

impl From<PathFault> for Problem {
    fn from(fault: PathFault) -> Self {
        Self::new(Code::BadRequest).detail(format!("In the path: {fault}."))
    }
}

impl From<MintError> for Problem {
    fn from(error: MintError) -> Self {
        match error {
            MintError::RoleNotInRoom { ref roles, .. } => Self::new(Code::RoleNotInRoom)
                .roles(roles.to_vec())
                .detail("The room offers the roles listed; add the role to the room, or change the policy.")
                .because(error),
            MintError::LinkTooLong { claim } => {
                Self::new(Code::LinkTooLong).claim(claim).detail("Shorten the claim named; the whole link has a limit of 4096 bytes.")
            }
            MintError::Expired => Self::new(Code::Forbidden).because(error),
            MintError::AnotherRoom | MintError::Signing(_) => Self::new(Code::Internal).because(error),
        }
    }
}
