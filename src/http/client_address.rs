//! Which address a request comes from. Forwarding headers are believed from configured networks
//! alone, read right to left, and never decide an authorisation.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::http::header::{self, HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How many hops of one request are looked at, from the right.
const HOPS_MAX: usize = 16;

/// The header field in which proxies note where a request came from. One alone is read: a proxy
/// that sets one passes the other through as its client wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardingField {
    /// `X-Forwarded-For`, as most proxies have it.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl ForwardingField {
    const fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => header::FORWARDED,
        }
    }

    /// The address that one hop names.
    fn address(self, hop: &str) -> Option<IpAddr> {
        match self {
            Self::XForwardedFor => node_address(hop.trim()),
            Self::Forwarded => {
                let mut named = hop.split(';').filter_map(|pair| {
                    let (name, node) = pair.split_once('=')?;
                    name.trim().eq_ignore_ascii_case("for").then(|| node.trim())
                });
                let node = named.next()?;
                // Two of them is nothing that a proxy writes.
                if named.next().is_some() {
                    return None;
                }
                let quoted = node
                    .strip_prefix('"')
                    .and_then(|rest| rest.strip_suffix('"'));
                node_address(quoted.unwrap_or(node))
            }
        }
    }
}

/// An address, perhaps with a port: `192.0.2.1`, `192.0.2.1:4711`, `[2001:db8::1]:4711`.
fn node_address(node: &str) -> Option<IpAddr> {
    if let Ok(address) = node.parse::<IpAddr>() {
        return Some(address);
    }
    let bracketed = node
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match bracketed {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => node.parse::<SocketAddr>().ok().map(|socket| socket.ip()),
    }
}

/// The networks whose proxies are believed, and where they write.
#[derive(Debug, Clone)]
pub struct TrustedProxies {
    networks: Box<[IpNet]>,
    field: ForwardingField,
}

impl TrustedProxies {
    /// Trusts what these networks write into this field.
    pub fn new(networks: impl IntoIterator<Item = IpNet>, field: ForwardingField) -> Self {
        let networks = networks.into_iter().collect();
        Self { networks, field }
    }

    /// Whether the address is a trusted proxy's.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// The client's address: the peer, or, if the peer is a trusted proxy, the rightmost address of
    /// the field that is not one. An entry that is no address ends the search. Hops are cut at every
    /// comma from the right, so that a quote that a client opens cannot swallow what a proxy adds.
    pub fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if self.networks.is_empty() || !self.trusts(client) {
            return client;
        }
        let lines: Vec<&str> = headers
            .get_all(self.field.name())
            .filter_map(|line| line.to_str().ok())
            .collect();
        let hops = lines
            .iter()
            .rev()
            .flat_map(|line| line.rsplit(','))
            .take(HOPS_MAX);
        for hop in hops {
            let Some(address) = self.field.address(hop) else {
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
        client_by(ForwardingField::XForwardedFor, trusted, peer, forwarded)
    }

    fn client_by(
        field: ForwardingField,
        trusted: &[&str],
        peer: &str,
        forwarded: &[&'static str],
    ) -> String {
        let networks = trusted.iter().map(|network| network.parse().unwrap());
        let proxies = TrustedProxies::new(networks, field);
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(field.name(), HeaderValue::from_static(line));
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
            ("10.0.0.1", vec!["198.51.100.7:4711"], "198.51.100.7"),
            ("fd00::1", vec!["[2001:db8::5]:4711"], "2001:db8::5"),
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
    fn the_standard_field_is_read_from_the_right_too_whatever_a_client_put_before() {
        for (forwarded, expected) in [
            (vec!["for=198.51.100.7"], "198.51.100.7"),
            (
                vec!["proto=https; FOR=198.51.100.7 ;by=10.0.0.1"],
                "198.51.100.7",
            ),
            (vec!["for=\"198.51.100.7:4711\""], "198.51.100.7"),
            (vec!["for=\"[2001:db8::5]\""], "2001:db8::5"),
            (vec!["For=\"[2001:db8::5]:4711\""], "2001:db8::5"),
            (
                vec!["for=203.0.113.9, for=198.51.100.7, for=10.0.0.2"],
                "198.51.100.7",
            ),
            (vec!["for=203.0.113.9", "for=198.51.100.7"], "198.51.100.7"),
            (vec!["for=\"203.0.113.9, for=198.51.100.7"], "198.51.100.7"),
            (vec!["for=203.0.113.9, for=unknown"], "10.0.0.1"),
            (vec!["for=203.0.113.9, for=_hidden"], "10.0.0.1"),
            (vec!["for=203.0.113.9, proto=https"], "10.0.0.1"),
            (vec!["for=203.0.113.9;for=198.51.100.7"], "10.0.0.1"),
            (vec!["203.0.113.9"], "10.0.0.1"),
            (vec![""], "10.0.0.1"),
        ] {
            let client = client_by(
                ForwardingField::Forwarded,
                &["10.0.0.0/8"],
                "10.0.0.1",
                &forwarded,
            );
            assert_eq!(client, expected, "{forwarded:?}");
        }
    }

    #[test]
    fn an_ipv6_host_has_one_bucket_however_many_addresses_it_uses() {
        let key = |text: &str| AddressKey::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
