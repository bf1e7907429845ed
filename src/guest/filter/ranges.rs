//! Addresses that are no place on the internet: this host, its networks, metadata, multicast.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Address and length of the prefix. From the special-purpose registries of
/// IANA; the two documentation prefixes that are missing lead nowhere anyhow.
pub const DENIED_4: [(Ipv4Addr, u32); 13] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Azure's WireServer, which gives a machine's secrets to whoever asks from it.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Only this is the internet of today; within it some prefixes lead to IPv4 or nowhere.
const GLOBAL_6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
pub const DENIED_6: [(Ipv6Addr, u32); 2] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
];

pub fn is_denied(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => DENIED_4.iter().any(|&(net, len)| within_4(v4, net, len)),
        IpAddr::V6(v6) => {
            !within_6(v6, GLOBAL_6.0, GLOBAL_6.1)
                || DENIED_6.iter().any(|&(net, len)| within_6(v6, net, len))
        }
    }
}

fn within_4(address: Ipv4Addr, net: Ipv4Addr, len: u32) -> bool {
    (address.to_bits() ^ net.to_bits()) >> (32 - len) == 0
}

fn within_6(address: Ipv6Addr, net: Ipv6Addr, len: u32) -> bool {
    (address.to_bits() ^ net.to_bits()) >> (128 - len) == 0
}
