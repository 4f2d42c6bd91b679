//! Which address a request comes from. Forwarding headers are believed from configured networks
//! alone, read right to left, and never decide an authorisation.

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How many addresses of one `X-Forwarded-For` are looked at, from the right.
const HOPS_MAX: usize = 16;

/// The networks whose proxies are believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Box<[IpNet]>);

impl TrustedProxies {
    /// Trusts these networks.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// Whether the address is a trusted proxy's.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client's address: the peer, or, if the peer is a trusted proxy, the rightmost address of
    /// `X-Forwarded-For` that is not one. An entry that is no address ends the search.
    pub fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if self.0.is_empty() || !self.trusts(client) {
            return client;
        }
        let lines: Vec<&str> = headers
            .get_all(X_FORWARDED_FOR)
            .filter_map(|line| line.to_str().ok())
            .collect();
        let hops = lines
            .iter()
            .rev()
            .flat_map(|line| line.rsplit(','))
            .take(HOPS_MAX);
        for hop in hops {
            let Ok(address) = hop.trim().parse::<IpAddr>() else {
                break;
            };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }
}

/// What an address counts as in limits: an IPv4 address, or an IPv6 network of /64, since one
/// host has as many addresses in it as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum AddressKey {
    /// One address.
    V4(u32),
    /// One network of /64.
    V6Network(u64),
    /// One of the buckets that all share when too many are tracked.
    Shared(u64),
}

/// The same on every replica.
impl std::fmt::Display for AddressKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::V4(address) => write!(f, "v4 {address}"),
            Self::V6Network(network) => write!(f, "v6 {network}"),
            Self::Shared(bucket) => write!(f, "shared {bucket}"),
        }
    }
}

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => {
                Self::V6Network(u64::try_from(address.to_bits() >> 64).unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&'static str]) -> String {
        let proxies = TrustedProxies::new(trusted.iter().map(|network| network.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_static(line));
        }
        proxies
            .client_of(peer.parse().unwrap(), &headers)
            .to_string()
    }

    #[test]
    fn only_a_trusted_peer_is_believed_and_only_up_to_the_first_stranger() {
        let trusted = ["10.0.0.0/8", "fd00::/8"];
        for (peer, forwarded, expected) in [
            ("192.0.2.1", vec!["198.51.100.7"], "192.0.2.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec!["198.51.100.7"], "198.51.100.7"),
            (
                "10.0.0.1",
                vec!["203.0.113.9, 198.51.100.7, 10.0.0.2"],
                "198.51.100.7",
            ),
            (
                "10.0.0.1",
                vec!["203.0.113.9", "198.51.100.7"],
                "198.51.100.7",
            ),
            ("10.0.0.1", vec!["203.0.113.9, junk"], "10.0.0.1"),
            ("10.0.0.1", vec!["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (
                "::ffff:10.0.0.1",
                vec!["::ffff:198.51.100.7"],
                "198.51.100.7",
            ),
            ("fd00::1", vec!["2001:db8::5"], "2001:db8::5"),
        ] {
            assert_eq!(
                client(&trusted, peer, &forwarded),
                expected,
                "{peer} {forwarded:?}"
            );
        }
        assert_eq!(client(&[], "10.0.0.1", &["198.51.100.7"]), "10.0.0.1");
    }

    #[test]
    fn an_ipv6_host_has_one_bucket_however_many_addresses_it_uses() {
        let key = |text: &str| AddressKey::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
