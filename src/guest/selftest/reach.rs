//! Where packets may go.

use std::{
    net::{IpAddr, SocketAddr, TcpStream},
    time::Duration,
};

use super::{ExpectedLimits, errno_text, report};
use crate::{
    bridge_gateway::bridge_gateway,
    sys::probe::{Sent, datagram_to_first_hop, stream_to_first_hop},
};

/// The own namespace refuses in well under one.
const AT_ONCE_MS: i32 = 150;
const TIMEOUT: Duration = Duration::from_millis(500);
const DISCARD: u16 = 9;

/// One address of each kind of place that no preview may reach.
const PLACES: [(&str, &str); 12] = [
    ("private network", "10.0.0.1"),
    ("private network", "172.16.0.1"),
    ("private network", "192.168.0.1"),
    ("shared network", "100.64.0.1"),
    ("cloud metadata", "169.254.169.254"),
    ("cloud metadata", "169.254.170.2"),
    ("cloud metadata", "100.100.100.200"),
    ("benchmark network", "198.18.0.1"),
    ("multicast", "224.0.0.251"),
    ("broadcast", "255.255.255.255"),
    ("private network", "fd00::1"),
    ("cloud metadata", "fd00:ec2::254"),
];
/// Kept for documentation, so that it is nobody's, and on no list of what is private.
const INTERNET: &str = "203.0.113.1";

pub fn probe(wanted: &ExpectedLimits) {
    if let Some(gateway) = bridge_gateway() {
        both("the host, by its bridge", gateway.into(), true);
    }
    for place in &wanted.host {
        listener(*place);
    }
    for (kind, address) in PLACES {
        if let Ok(address) = address.parse() {
            both(kind, address, true);
        }
    }
    if let Ok(address) = INTERNET.parse() {
        // Where it may, a packet must be seen to leave: else the rest says nothing.
        let area = if wanted.open {
            "internet, which it may"
        } else {
            "internet"
        };
        both(area, address, !wanted.open);
    }
}

/// A datagram and a connection, each for one hop.
fn both(kind: &str, address: IpAddr, refused: bool) {
    let place = |port| SocketAddr::new(address, port);
    let tries = [
        ("UDP", datagram_to_first_hop(place(DISCARD))),
        ("TCP", stream_to_first_hop(place(443), AT_ONCE_MS)),
    ];
    for (protocol, sent) in tries {
        let what = format!("{protocol} to {kind}, {address}");
        match sent {
            Ok(Sent::Not(error)) => report("network", what, errno_text(error), refused),
            Ok(Sent::Away) => report("network", what, "it left", !refused),
            Err(error) => report("network", what, error, refused),
        }
    }
}

/// The agent listens there for nothing else.
fn listener(place: SocketAddr) {
    let tried = format!("TCP to the host, {}", place.ip());
    match TcpStream::connect_timeout(&place, TIMEOUT) {
        Ok(_) => report("network", tried, "it answered", false),
        Err(error) => match error.raw_os_error() {
            Some(number) => report("network", tried, errno_text(number), true),
            None => report("network", tried, "no answer", true),
        },
    }
}
