//! What may be chosen about previews' networks, and the arithmetic of the pool they come from.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use crate::{engine::Owner, model::ImageRef};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSettings {
    /// One that nothing else of the host uses, if none is named.
    pub networks: Option<SubnetPool>,
    /// The engine's own for containers, if there are none.
    pub dns: Vec<Ipv4Addr>,
    /// Private addresses that previews may reach nevertheless.
    pub reach: Vec<SocketAddrV4>,
    /// What loads packet filters: an image with `nft`.
    pub image: ImageRef,
    /// Sidecars kept ready, of the kind most previews take.
    pub warm_pool: usize,
    /// How long a sidecar or the host firewall may take to report that it is ready.
    pub ready_within: Duration,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            networks: None,
            dns: Vec::new(),
            reach: Vec::new(),
            image: ImageRef::ours("net", "1"),
            warm_pool: 1,
            ready_within: Duration::from_secs(20),
        }
    }
}

/// An IPv4 network that is cut into networks of eight addresses, one a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetPool {
    first: u32,
    bits: u32,
}

/// Prefix length of a preview's network: the bridge, the preview, and what the engine may want.
const CUT: u32 = 29;

impl SubnetPool {
    /// Where a network is looked for when none is named, in this order. Ten, so that two or three
    /// companies' habits do not take all of them; not where the engine takes its own from.
    pub const CANDIDATES: [&str; 10] = [
        "10.213.0.0/16",
        "10.199.0.0/16",
        "10.187.0.0/16",
        "10.171.0.0/16",
        "10.157.0.0/16",
        "10.143.0.0/16",
        "10.131.0.0/16",
        "10.119.0.0/16",
        "10.107.0.0/16",
        "10.91.0.0/16",
    ];

    /// `None` if it is no IPv4 network, or too small for one preview.
    pub fn parse(text: &str) -> Option<Self> {
        let network = Self::network(text)?;
        (network.bits <= CUT && network.bits >= 8).then_some(network)
    }

    /// Any network, such as one in use. Its first address is made one.
    pub fn network(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let (address, bits) = (address.parse::<Ipv4Addr>().ok()?, bits.parse::<u32>().ok()?);
        let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0);
        Some(Self {
            first: u32::from(address) & mask,
            bits,
        })
    }

    pub fn overlaps(self, other: Self) -> bool {
        let shorter = self.bits.min(other.bits);
        (self.first ^ other.first)
            .checked_shr(32 - shorter)
            .unwrap_or(0)
            == 0
    }

    /// First address and prefix length.
    pub fn parts(self) -> (Ipv4Addr, u32) {
        (self.first.into(), self.bits)
    }

    /// How many networks it holds.
    pub fn slots(self) -> u32 {
        1 << (CUT - self.bits)
    }

    /// The network of a slot, as the engine wants it named.
    pub fn slot(self, slot: u32) -> String {
        let first = self.first + ((slot % self.slots()) << (32 - CUT));
        format!("{}/{CUT}", Ipv4Addr::from(first))
    }
}

impl fmt::Display for SubnetPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.first), self.bits)
    }
}

/// Six digits that stand for an owner in names of at most 15 characters.
pub fn tag(owner: &Owner) -> String {
    blake3::hash(owner.0.as_bytes()).to_hex()[..6].to_owned()
}

/// What the names of an owner's bridges begin with.
pub fn bridges(owner: &Owner) -> String {
    format!("cm{}-", tag(owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_cut_into_networks_of_eight() {
        let pool = SubnetPool::parse("10.213.7.9/16").unwrap();
        assert_eq!(pool.to_string(), "10.213.0.0/16");
        assert_eq!(pool.slots(), 8192);
        assert_eq!(pool.slot(0), "10.213.0.0/29");
        assert_eq!(pool.slot(33), "10.213.1.8/29");
        assert_eq!(pool.slot(8191), "10.213.255.248/29");
        assert_eq!(pool.slot(8192), pool.slot(0));
    }

    #[test]
    fn what_is_no_pool_is_refused() {
        for text in [
            "",
            "10.0.0.0",
            "10.0.0.0/30",
            "10.0.0.0/33",
            "10.0.0.0/0",
            "fd00::/16",
            "x/8",
        ] {
            assert_eq!(SubnetPool::parse(text), None, "{text}");
        }
    }

    #[test]
    fn overlaps_are_seen_both_ways() {
        let net = |text| SubnetPool::network(text).unwrap();
        for (a, b, overlap) in [
            ("10.0.0.0/8", "10.213.0.0/16", true),
            ("10.213.4.0/24", "10.213.0.0/16", true),
            ("10.212.0.0/16", "10.213.0.0/16", false),
            ("0.0.0.0/0", "10.213.0.0/16", true),
            ("172.17.0.0/16", "10.213.0.0/16", false),
        ] {
            assert_eq!(net(a).overlaps(net(b)), overlap, "{a} {b}");
            assert_eq!(net(b).overlaps(net(a)), overlap, "{b} {a}");
        }
    }

    #[test]
    fn a_bridge_has_a_name_the_kernel_takes() {
        let prefix = bridges(&Owner("some owner".to_owned()));
        assert!(format!("{prefix}01fff").len() <= 15, "{prefix}");
        for text in SubnetPool::CANDIDATES {
            assert!(SubnetPool::parse(text).is_some(), "{text}");
        }
    }
}
