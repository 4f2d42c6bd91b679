//! Why the gateway has no answer of upstream's to tell.

use crate::denials::Denied;
use crate::digital_samba::ForwardFailure;
use crate::rooms::UpstreamFailure;
use crate::token::MintError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
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
    /// A denial bars the person from the room.
    #[error(transparent)]
    Denied(#[from] Denied),
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
