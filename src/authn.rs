//! Credential in, principal out: who is it? Knows no rooms, no policy and no HTTP server.
//!
//! A bearer is parsed (`bearer`), taken apart without being believed (`jwt`), verified under a key
//! that the configuration or the issuer's key set holds (`key`, `jwks`, `remote_keys`) or asked
//! about (`introspection`), its claims are checked (`claim_checks`) and mapped (`claims`), and the
//! principal is remembered until the credential ends or its key goes (`verified`).
//!
//! A product backend is a [`ServicePrincipal`]: an API key (`api_key`), or a client of an issuer,
//! whose token takes the same way as a user's (`service_authenticator`).

mod algorithm;
mod api_key;
mod attributes;
mod authenticator;
mod bearer;
mod claim_checks;
mod claims;
mod errors;
mod introspection;
mod issuer;
mod json;
mod jwks;
mod jwt;
mod key;
mod parameters;
mod principal;
mod provider;
mod raw_claims;
mod remote_keys;
mod service;
mod service_authenticator;
mod service_credential;
mod verified;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use algorithm::Algorithm;
pub use api_key::{ApiKey, ApiKeyFault, ApiKeyId, HexFault, SecretHash};
pub use attributes::{Attributes, SampleAttributes};
pub use authenticator::{Authenticator, ProviderReport, Unseen};
pub use bearer::{Bearer, Credential, CredentialFault};
pub use claim_checks::LEEWAY_MAX;
pub use claims::{ClaimMapping, ClaimPointer, ClaimsFault, PointerFault};
pub use errors::{AuthnError, InvalidReason};
pub use jwks::{KeySetFault, Skipped};
pub use key::{KeyFault, VerificationKey};
pub use parameters::{
    IntrospectionParameters, IssuerParameters, KeyLocation, KeySource, Matches, Parameters,
    RemoteKeyParameters,
};
pub use principal::Principal;
pub use provider::{ExchangeError, LoopbackHttp, ProviderUrl, UrlFault};
pub use remote_keys::FetchError;
pub use service::{Grants, ServiceKind, ServicePrincipal};
pub use service_authenticator::{
    ApiKeyParameters, ClientParameters, ServiceAuthenticator, ServiceAuthnError, ServiceParameters,
};
