//! `guest net`: the first process of a network sidecar. It loads the preview's packet filter, sees
//! for itself that it holds, gives up every privilege, says so, and keeps the namespace until it is
//! told to end. Whatever it is not sure of makes it end instead.

use std::{
    env,
    fs::{self, File},
    io::{self, Write},
    net::{Ipv4Addr, UdpSocket},
    os::fd::AsFd,
    time::Duration,
};

use guest_api::{filter_ports::FILTER_USER, ruleset};

use super::nft;
use crate::{
    bridge_gateway::bridge_gateway,
    filter,
    sys::{self, PollFd},
};

/// By whom the rules know this process.
const FILTER_UID: u32 = FILTER_USER;
/// Nothing listens there: what reaches the host is answered with a refusal of the host's.
const DISCARD: u16 = 9;
/// On a bridge an answer takes less than one.
const ANSWERED_WITHIN: Duration = Duration::from_millis(40);
const EPERM: i32 = 1;
const ECONNREFUSED: i32 = 111;

pub fn run() -> io::Result<()> {
    let signals = sys::signals(&[sys::SIGTERM, sys::SIGINT])?;
    match install_rules() {
        Ok(fingerprint) => print_line(&format!("ready {fingerprint}"))?,
        Err(reason) => {
            print_line(&format!("failed {reason}"))?;
            return Err(io::Error::other(reason));
        }
    }
    until_signalled(&signals)
}

fn install_rules() -> Result<String, String> {
    let wanted = env::var("CODEMATE_NET_RULES").map_err(|_| "there are no rules".to_owned())?;
    let gateway = bridge_gateway();
    // Before the own rules hold only the host's stand between here and the host.
    if let Some(host) = gateway
        && probe_host(host) == ProbeAnswer::Answered
    {
        return Err("the host answered: its own rules do not hold".to_owned());
    }
    // Some kernels cannot log; then what the rules refuse is not told, and refused all the same.
    nft::ensure(&wanted).or_else(|_| nft::ensure(&ruleset::without_logs(&wanted)))?;
    if let Some(host) = gateway
        && probe_host(host) != ProbeAnswer::Refused
    {
        return Err("a packet for the host was let out".to_owned());
    }
    // What has to be taken while the network may still be administered.
    let filter = filter::prepare().map_err(|error| error.to_string())?;
    sys::caps::give_up(FILTER_UID).map_err(|error| format!("privileges: {error}"))?;
    check_unprivileged()?;
    filter.start().map_err(|error| error.to_string())?;
    Ok(ruleset::fingerprint(&wanted))
}

#[derive(PartialEq, Eq)]
enum ProbeAnswer {
    /// The packet did not leave this namespace.
    Refused,
    /// It left, and nothing came back.
    Silence,
    /// It left, and the host answered.
    Answered,
}

/// Send the host a packet that no program of its waits for.
fn probe_host(host: Ipv4Addr) -> ProbeAnswer {
    let attempt = || -> io::Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((host, DISCARD))?;
        socket.set_read_timeout(Some(ANSWERED_WITHIN))?;
        socket.send(b"?")?;
        socket.recv(&mut [0; 1]).map(drop)
    };
    match attempt() {
        Err(error) if error.raw_os_error() == Some(EPERM) => ProbeAnswer::Refused,
        Err(error) if error.raw_os_error() != Some(ECONNREFUSED) => ProbeAnswer::Silence,
        _ => ProbeAnswer::Answered,
    }
}

/// As the kernel sees it.
fn check_unprivileged() -> Result<(), String> {
    let status = fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let field = |name: &str| {
        let value = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        value.unwrap_or_default()
    };
    let none = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]
        .into_iter()
        .all(|set| u64::from_str_radix(field(set), 16) == Ok(0));
    let user = field("Uid")
        .split_whitespace()
        .all(|uid| uid == FILTER_UID.to_string());
    if none && user && field("NoNewPrivs") == "1" {
        Ok(())
    } else {
        Err("privileges are left".to_owned())
    }
}

/// One line on standard output, at once.
pub fn print_line(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn until_signalled(signals: &File) -> io::Result<()> {
    let mut fds: [PollFd; 1] = [sys::watch(signals.as_fd(), sys::POLLIN)];
    while fds[0].revents == 0 {
        sys::wait(&mut fds, -1)?;
    }
    Ok(())
}
