//! Where Redis is, and the password for it: never printed.

use redis::{Client, IntoConnectionInfo as _, TlsCertificates};
use secrecy::{ExposeSecret as _, SecretString};

/// Why a URL cannot be used. Repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlFault {
    /// Another scheme, or no URL.
    #[error("must be a URL such as redis://host:6379/0, or rediss:// for TLS")]
    Form,
    /// The certificates cannot be read.
    #[error("names a file that holds no certificate in PEM")]
    Certificate,
}

/// A server, its password and how it proves who it is.
#[derive(Clone)]
pub struct RedisUrl {
    client: Client,
    certificates: Option<TlsCertificates>,
}

impl RedisUrl {
    /// `redis://` or `rediss://` with TLS, whose certificate must come from `roots` (PEM) or, without
    /// them, from a root that the machine trusts.
    ///
    /// # Errors
    /// [`RedisUrlFault`].
    pub fn parse(url: &SecretString, roots: Option<&str>) -> Result<Self, RedisUrlFault> {
        let text: &str = url.expose_secret();
        // The library ignores what it does not know, unencrypted sockets and a switch against TLS included.
        let is_known = text.starts_with("redis://") || text.starts_with("rediss://");
        if !is_known || text.contains('#') {
            return Err(RedisUrlFault::Form);
        }
        let info = text
            .into_connection_info()
            .map_err(|_repeats_the_url| RedisUrlFault::Form)?;
        let roots = roots.filter(|_roots| text.starts_with("rediss://"));
        let certificates = roots.map(|pem| TlsCertificates {
            client_tls: None,
            root_cert: Some(pem.as_bytes().to_vec()),
        });
        let client = match certificates.clone() {
            Some(certificates) => Client::build_with_tls(info, certificates)
                .map_err(|_bad_certificate| RedisUrlFault::Certificate)?,
            None => Client::open(info).map_err(|_repeats_the_url| RedisUrlFault::Form)?,
        };
        Ok(Self {
            client,
            certificates,
        })
    }

    /// The number of the database.
    pub fn database(&self) -> i64 {
        self.client.get_connection_info().redis_settings().db()
    }

    /// What proves a server, where it is not the machine's own roots.
    pub(super) fn certificates(&self) -> Option<TlsCertificates> {
        self.certificates.clone()
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }
}

/// A host name at most: the rest of the URL may be secret.
impl std::fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.client.get_connection_info().addr())
    }
}
