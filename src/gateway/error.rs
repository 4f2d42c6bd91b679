//! Why the gateway has no answer of upstream's to tell.

use crate::digital_samba::ForwardFailure;
use crate::domain::Scope;
use crate::rooms::UpstreamFailure;
use crate::token::MintError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The credential does not open the operation.
    #[error("the scope {scope} is missing")]
    ScopeMissing {
        /// The scope that opens it.
        scope: Scope,
    },
    /// The credential is for other rooms, or for rooms alone.
    #[error("the credential is for other rooms")]
    RoomNotOpen,
    /// The body is not JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// The body is no JSON object.
    #[error("the body is no JSON object")]
    NotAnObject,
    /// The body has the text that stands in a secret's place.
    #[error("the body carries a mask back")]
    MaskSentBack,
    /// Upstream no longer has the operation, and nothing is near enough.
    #[error("upstream has {instead} instead")]
    NotImplemented {
        /// The operation that took its place.
        instead: &'static str,
    },
    /// No token can be made.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// Not sent, or upstream failed.
    #[error(transparent)]
    Forward(#[from] ForwardFailure),
}

impl From<UpstreamFailure> for GatewayError {
    fn from(failure: UpstreamFailure) -> Self {
        Self::Forward(failure.into())
    }
}

impl GatewayError {
    /// The word for it in the audit log.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::ScopeMissing { .. } => "scope-missing",
            Self::RoomNotOpen => "room-not-open",
            Self::NotJson | Self::NotAnObject | Self::MaskSentBack => "bad-request",
            Self::NotImplemented { .. } => "not-implemented",
            Self::Mint(_) => "not-minted",
            Self::Forward(failure) => match failure {
                ForwardFailure::ShareUsedUp { .. } => "share-used-up",
                ForwardFailure::Crowded { .. } => "crowded",
                ForwardFailure::Upload(_) => "bad-upload",
                ForwardFailure::Upstream(_) => "upstream-failed",
            },
        }
    }
}
