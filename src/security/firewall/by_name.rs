//! What a preview may reach that names the hosts it needs.
//!
//! Inside is a filter (`guest net`) that reads names and makes the connections. Its user alone may
//! leave the namespace; what others send to the ports it serves is turned to it, whatever address it
//! was for, and the rest is refused.

use guest_api::filter_ports;

use super::{ASK, HostNetwork, REACH, deny, text::chain};

pub use filter_ports::LOG_GROUP;

/// What is added to the table of a namespace.
#[derive(Debug, Default)]
pub struct NameRules {
    /// Whole sets and chains, written as in [`super::text`].
    pub parts: Vec<String>,
    /// Before the deny sets refuse and after what is established is let through.
    pub output: Vec<String>,
}

/// Nothing leaves unless the filter of `guest net` sent it.
pub fn rules(around: &HostNetwork) -> NameRules {
    let user = filter_ports::FILTER_USER;
    let (dns, tls, http) = (filter_ports::DNS, filter_ports::TLS, filter_ports::HTTP);
    // Before the engine's own turning of 127.0.0.11, at -100: the first to turn a connection wins.
    let divert = chain(
        "divert",
        &[
            "type nat hook output priority -110; policy accept;".to_owned(),
            format!("meta skuid {user} return"),
            format!("udp dport 53 redirect to :{dns}"),
            format!("tcp dport 53 redirect to :{dns}"),
            "fib daddr type local return".to_owned(),
            format!("tcp dport 443 redirect to :{tls}"),
            format!("tcp dport 80 redirect to :{http}"),
        ],
    );
    let mut output = vec![
        "ct state invalid drop".to_owned(),
        // A connection that was turned still counts as one by the interface it was leaving through.
        "ip daddr 127.0.0.0/8 accept".to_owned(),
        "ip6 daddr ::1 accept".to_owned(),
        format!("meta skuid != {user} goto refuse"),
    ];
    output.extend(ASK.map(str::to_owned));
    output.push(REACH.to_owned());
    if let Some((network, bits)) = around.pool.filter(|(network, _)| !deny::covers(*network)) {
        output.push(format!("ip daddr {network}/{bits} goto refuse"));
    }
    output.extend(
        [
            "ip daddr @host4 goto refuse",
            "ip daddr @deny4 goto refuse",
            "ip6 daddr @deny6 goto refuse",
            "tcp dport { 80, 443 } accept",
        ]
        .map(str::to_owned),
    );
    NameRules {
        parts: vec![divert, without_engine()],
        output,
    }
}

/// The engine's own resolver listens in the namespace, on loopback and a port of its choice, and
/// would pass on any question.
pub fn without_engine() -> String {
    chain(
        "engine",
        &[
            "type filter hook output priority filter - 1; policy accept;".to_owned(),
            format!(
                "ip daddr 127.0.0.11 meta skuid != {} goto refuse",
                filter_ports::FILTER_USER
            ),
        ],
    )
}
