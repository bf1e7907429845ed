//! What previews knock at: what they must not reach, and what they must.

use std::{collections::BTreeSet, net::Ipv4Addr};

use crate::neighbourhood::{PUBLIC, RESOLVER, UPLINK};

/// What must work whatever else does not: label, kind, address, port.
const MUST_WORK: [(&str, &str, &str, u16); 6] = [
    ("internet", "tcp", "203.0.113.10", 80),
    ("internet tls", "tcp", "203.0.113.11", 443),
    ("internet udp", "udp", "203.0.113.12", 123),
    ("resolver", "udp", RESOLVER, 53),
    ("resolver tcp", "tcp", RESOLVER, 53),
    ("excepted", "tcp", "10.77.0.9", 3128),
];

/// Networks a preview has no business in; of each the first address, the last and one between are
/// tried.
const DENIED: [&str; 10] = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "240.0.0.0/4",
    "168.63.129.16/32",
];

pub type Target = (String, &'static str, String, u16);

pub fn labels(targets: &[Target]) -> BTreeSet<String> {
    targets.iter().map(|target| target.0.clone()).collect()
}

pub fn must_work() -> Vec<Target> {
    MUST_WORK
        .map(|(label, kind, address, port)| (label.to_owned(), kind, address.to_owned(), port))
        .into()
}

pub fn hostile(gateway: &str, other: &str) -> Vec<Target> {
    let mut all: Vec<Target> = Vec::new();
    let mut add = |kind, address: &str, port| {
        all.push((
            format!("{kind} {address} {port}"),
            kind,
            address.to_owned(),
            port,
        ));
    };
    for host in [gateway, UPLINK, PUBLIC, "172.17.0.1"] {
        add("tcp", host, 18080);
        add("udp", host, 18053);
        add("icmp", host, 0);
        add("tcp", &format!("::ffff:{host}"), 18080);
        add("tcp", host, 18090);
    }
    add("tcp", other, 3000);
    for text in DENIED {
        for address in some_of(text) {
            add("tcp", &address, 80);
            add("udp", &address, 53);
        }
    }
    for metadata in [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "192.0.0.192",
    ] {
        add("tcp", metadata, 80);
        add("udp", metadata, 53);
        add("icmp", metadata, 0);
        add("tcp", &format!("::ffff:{metadata}"), 80);
    }
    for host in ["fd77::1", "fd77:1::1", "fe80::1%eth0"] {
        add("tcp", host, 18080);
        add("udp", host, 18053);
    }
    for six in [
        "fd00:ec2::254",
        "fd77::2",
        "64:ff9b:1::7",
        "64:ff9b::a01:203",
        "2002:a00:1::1",
        "fc00::7",
    ] {
        add("tcp", six, 80);
    }
    // Past every rule of its own namespace.
    add("raw", "0.0.0.0", 0);
    all
}

/// Where the world answers: at all of these that are not of the host's or the engine's.
pub fn answering() -> BTreeSet<String> {
    let hosts = [
        UPLINK,
        PUBLIC,
        "172.17.0.1",
        "fd77::1",
        "fd77::2",
        "fd77:1::1",
    ];
    hostile("172.17.0.1", "172.17.0.1")
        .into_iter()
        .chain(must_work())
        .map(|target| target.2)
        .filter(|it| !it.contains('%') && !it.contains("::ffff:") && it != "0.0.0.0")
        .filter(|it| !hosts.contains(&it.as_str()))
        .collect()
}

/// First, middle and last of a network, the middle one twice if it is small.
fn some_of(network: &str) -> BTreeSet<String> {
    let (address, bits) = network.split_once('/').unwrap();
    let first = u32::from(address.parse::<Ipv4Addr>().unwrap());
    let size = 1_u64 << (32 - bits.parse::<u32>().unwrap());
    // Not the very last, which may be a broadcast address; of a network of one it is that one.
    let offsets = [1, size / 2 + 7, size.saturating_sub(2)];
    let offsets = offsets.map(|it| u32::try_from(it.min(size - 1)).unwrap());
    offsets
        .map(|offset| Ipv4Addr::from(first + offset).to_string())
        .into()
}
