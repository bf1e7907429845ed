//! The sets of addresses where no preview may go, as `nft` takes them.

use std::net::{IpAddr, Ipv4Addr};

use guest_api::deny_ranges::{DENIED_4, DENIED_6, is_denied};

use super::text::set;

/// Whether the deny sets cover an address already.
pub fn covers(address: Ipv4Addr) -> bool {
    is_denied(address.into())
}

/// The sets `deny4` and `deny6`.
pub fn sets() -> String {
    let four: Vec<String> = DENIED_4
        .map(|(network, bits)| prefix(network.into(), bits))
        .into();
    let six: Vec<String> = DENIED_6
        .map(|(network, bits)| prefix(network.into(), bits))
        .into();
    set("deny4", "ipv4_addr\n\t\tflags interval", &four)
        + &set("deny6", "ipv6_addr\n\t\tflags interval", &six)
}

/// As `nft` prints it: a single address has no length.
fn prefix(network: IpAddr, bits: u32) -> String {
    let all = if network.is_ipv4() { 32 } else { 128 };
    if bits == all {
        network.to_string()
    } else {
        format!("{network}/{bits}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read back from the kernel is compared with this, to the letter.
    #[test]
    fn the_sets_are_written_as_nft_prints_them() {
        assert_eq!(
            sets(),
            "\tset deny4 {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t\telements = { \
             0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 168.63.129.16, 169.254.0.0/16, \
             172.16.0.0/12, 192.0.0.0/24, 192.0.2.0/24, 192.168.0.0/16, 198.18.0.0/15, \
             224.0.0.0/4, 240.0.0.0/4 }\n\t}\n\
             \tset deny6 {\n\t\ttype ipv6_addr\n\t\tflags interval\n\t\telements = { \
             ::, ::ffff:0.0.0.0/96, 64:ff9b::/96, 64:ff9b:1::/48, 100::/64, 2001::/32, 2002::/16, \
             fc00::/7, fe80::/10, ff00::/8 }\n\t}\n"
        );
    }
}
