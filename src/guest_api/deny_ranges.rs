//! Addresses where no preview may go: the host, its networks, metadata, multicast. The packet filter
//! refuses them and the filter by name does not look them up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// First address and prefix length, ascending. These are the networks of RFC 6890 that are not
/// globally reachable, and every tunnel or translation that would lead back into them. The two
/// later documentation networks are missing: labs put whole internets into them.
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

/// As above, for IPv6.
pub const DENIED_6: [(Ipv6Addr, u32); 10] = [
    (Ipv6Addr::UNSPECIFIED, 128),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

/// All of today's IPv6 internet is in here; nothing beside it is looked up.
const GLOBAL_6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Whether an address is in the ranges above, an IPv4 address within IPv6 included.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_is_denied_from_its_first_address_to_its_last() {
        for (network, bits) in DENIED_4 {
            let last = network.to_bits() | u32::MAX.checked_shr(bits).unwrap_or(0);
            for address in [network, Ipv4Addr::from_bits(last)] {
                assert!(is_denied(address.into()), "{address}");
            }
        }
        for (network, bits) in DENIED_6 {
            let last = network.to_bits() | u128::MAX.checked_shr(bits).unwrap_or(0);
            for address in [network, Ipv6Addr::from_bits(last)] {
                assert!(is_denied(address.into()), "{address}");
            }
        }
    }

    #[test]
    fn private_addresses_are_told_from_the_internet() {
        for address in [
            "0.0.0.0",
            "10.255.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001:0:1::",
            "2002:a00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(is_denied(address.parse().unwrap()), "{address}");
        }
        for address in [
            "9.9.9.9",
            "11.0.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "223.255.255.255",
            "2606:4700::1",
            "::ffff:9.9.9.9",
        ] {
            assert!(!is_denied(address.parse().unwrap()), "{address}");
        }
    }
}
