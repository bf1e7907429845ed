//! The packet filters that previews are behind, as text for `nft`. Pure.
//!
//! Each is written in the form in which `nft list` prints it, protocols by number, for what is read back
//! is compared with what was asked for ([`guest_api::ruleset::normal`]).

mod by_name;
mod deny;
mod host;
mod netns;
mod text;

use std::net::{Ipv4Addr, SocketAddrV4};

pub use host::host_table;
pub use netns::netns_table;

/// What the rules have to know of where they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostNetwork {
    /// Whom previews may ask for addresses.
    pub resolvers: Vec<Ipv4Addr>,
    /// What they may reach over TCP although it is private.
    pub reach: Vec<SocketAddrV4>,
    /// The host's own addresses, of whatever kind.
    pub host: Vec<Ipv4Addr>,
    /// What the previews' networks are taken from: first address and prefix length.
    pub pool: Option<(Ipv4Addr, u32)>,
}

impl HostNetwork {
    fn resolvers(&self) -> Vec<String> {
        sorted(&self.resolvers, ToString::to_string)
    }

    fn reach(&self) -> Vec<String> {
        sorted(&self.reach, |it| format!("{} . {}", it.ip(), it.port()))
    }

    /// Those of the host's addresses that the deny sets do not cover.
    fn public(&self) -> Vec<String> {
        let public: Vec<Ipv4Addr> = self
            .host
            .iter()
            .copied()
            .filter(|&it| !deny::covers(it))
            .collect();
        sorted(&public, ToString::to_string)
    }
}

fn sorted<T: Ord + Clone>(all: &[T], text: impl Fn(&T) -> String) -> Vec<String> {
    let mut all = all.to_vec();
    all.sort_unstable();
    all.dedup();
    all.iter().map(text).collect()
}

/// Asking for addresses, which every way out begins with.
const ASK: [&str; 2] = [
    "ip daddr @dns4 udp dport 53 accept",
    "ip daddr @dns4 tcp dport 53 accept",
];
const REACH: &str = "ip daddr . tcp dport @reach4 accept";
const ESTABLISHED: &str = "ct state established,related accept";
