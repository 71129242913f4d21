//! Who sent a request.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// Bits of an address of version 6 that one client can choose freely: many get a network of 56 bits.
const CHOSEN: u128 = (1 << 72) - 1;

/// Who sent a request. What requests share (turns, permits) is shared fairly between callers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// The holder of the key of this name.
    Key(Arc<str>),
    /// Whoever asks from this address; of version 6, from its network of 56 bits.
    Address(IpAddr),
    /// No key was needed, and there is no address, as in tests without a connection.
    #[default]
    Unknown,
}

impl Caller {
    /// The key's name; `None` where no key was needed.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Key(name) => Some(name),
            Self::Address(_) | Self::Unknown => None,
        }
    }

    /// The same, known by its address where it is not known by its key.
    pub(crate) fn or_from(self, address: Option<IpAddr>) -> Self {
        match (self, address) {
            (Self::Unknown, Some(address)) => Self::Address(network(address)),
            (known, _) => known,
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !CHOSEN).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn check(one: &str, other: &str, are_same: bool) {
        let caller = |address: &str| Caller::Unknown.or_from(Some(address.parse().unwrap()));
        assert_eq!(caller(one) == caller(other), are_same, "{one} {other}");
    }

    #[test]
    fn a_client_has_one_address_or_one_network() {
        check("192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1", "::ffff:192.0.2.1", true);
        check("192.0.2.1", "192.0.2.2", false);
        check("2001:db8::1", "2001:db8::ffff:1", true);
        check("2001:db8::1", "2001:db8:0:ff::1", true);
        check("2001:db8::1", "2001:db8:0:100::1", false);
    }
}
