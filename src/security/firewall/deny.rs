//! Where no preview may go: private, local, shared, translated and reserved networks.

use std::net::Ipv4Addr;

use super::text::set;

/// First address and prefix length, ascending. The networks of RFC 6890 that are not globally
/// reachable and every tunnel or translation that would lead back into them; not the two later
/// documentation networks, which labs put whole internets into.
const DENY4: [(Ipv4Addr, u32); 13] = [
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

/// As `nft` prints them.
const DENY6: [&str; 10] = [
    "::",
    "::ffff:0.0.0.0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

/// Whether the deny sets cover an address already.
pub fn covers(address: Ipv4Addr) -> bool {
    DENY4
        .iter()
        .any(|(network, bits)| (u32::from(address) ^ u32::from(*network)) >> (32 - bits) == 0)
}

/// The sets `deny4` and `deny6`.
pub fn sets() -> String {
    let four: Vec<String> = DENY4
        .iter()
        .map(|(network, bits)| match bits {
            32 => network.to_string(),
            bits => format!("{network}/{bits}"),
        })
        .collect();
    let six: Vec<String> = DENY6.iter().map(|&network| network.to_owned()).collect();
    set("deny4", "ipv4_addr\n\t\tflags interval", &four)
        + &set("deny6", "ipv6_addr\n\t\tflags interval", &six)
}

#[cfg(test)]
#[path = "../../guest/filter/ranges.rs"]
mod ranges;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_denies_the_same() {
        for (network, bits) in DENY4 {
            let last = u32::from(network) | u32::MAX.checked_shr(bits).unwrap_or(0);
            for address in [network, Ipv4Addr::from(last)] {
                assert!(ranges::is_denied(address.into()), "{address}");
            }
        }
        for network in DENY6 {
            let (address, _) = network.split_once('/').unwrap_or((network, ""));
            assert!(ranges::is_denied(address.parse().unwrap()), "{network}");
        }
        assert!(!ranges::is_denied([9, 9, 9, 9].into()));
        assert_eq!(ranges::DENIED_4, DENY4);
    }
}
