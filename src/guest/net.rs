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

use crate::{
    filter, nft, rules,
    sys::{self, PollFd},
    sys_caps,
};

/// By whom the rules know this process.
const NOBODY: u32 = filter::places::FILTER_USER;
/// Nothing listens there: what reaches the host is answered with a refusal of the host's.
const DISCARD: u16 = 9;
/// On a bridge an answer takes less than one.
const ANSWERED_WITHIN: Duration = Duration::from_millis(40);
const EPERM: i32 = 1;
const ECONNREFUSED: i32 = 111;

pub fn run() -> io::Result<()> {
    let signals = sys::signals(&[sys::SIGTERM, sys::SIGINT])?;
    match enclose() {
        Ok(fingerprint) => say(&format!("ready {fingerprint}"))?,
        Err(reason) => {
            say(&format!("failed {reason}"))?;
            return Err(io::Error::other(reason));
        }
    }
    until_signalled(&signals)
}

fn enclose() -> Result<String, String> {
    let wanted = env::var("CODEMATE_NET_RULES").map_err(|_| "there are no rules".to_owned())?;
    let gateway = gateway();
    // Before the own rules hold only the host's stand between here and the host.
    if let Some(host) = gateway
        && knock(host) == Knock::Answered
    {
        return Err("the host answered: its own rules do not hold".to_owned());
    }
    // Some kernels cannot log; then what the rules refuse is not told, and refused all the same.
    nft::hold(&wanted).or_else(|_| nft::hold(&rules::without_logs(&wanted)))?;
    if let Some(host) = gateway
        && knock(host) != Knock::Refused
    {
        return Err("a packet for the host was let out".to_owned());
    }
    // What has to be taken while the network may still be administered.
    let filter = filter::prepare().map_err(|error| error.to_string())?;
    sys_caps::give_up(NOBODY).map_err(|error| format!("privileges: {error}"))?;
    is_powerless()?;
    filter.start().map_err(|error| error.to_string())?;
    Ok(rules::fingerprint(&wanted))
}

#[derive(PartialEq, Eq)]
enum Knock {
    /// The packet did not leave this namespace.
    Refused,
    /// It left, and nothing came back.
    Silence,
    /// It left, and the host answered.
    Answered,
}

/// Send the host a packet that no program of its waits for.
fn knock(host: Ipv4Addr) -> Knock {
    let attempt = || -> io::Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((host, DISCARD))?;
        socket.set_read_timeout(Some(ANSWERED_WITHIN))?;
        socket.send(b"?")?;
        socket.recv(&mut [0; 1]).map(drop)
    };
    match attempt() {
        Err(error) if error.raw_os_error() == Some(EPERM) => Knock::Refused,
        Err(error) if error.raw_os_error() != Some(ECONNREFUSED) => Knock::Silence,
        _ => Knock::Answered,
    }
}

/// The host's address on this namespace's bridge; `None` where there is none.
fn gateway() -> Option<Ipv4Addr> {
    let routes = fs::read_to_string("/proc/net/route").ok()?;
    routes.lines().skip(1).find_map(|route| {
        let mut fields = route.split_whitespace().skip(1);
        let (to, through) = (fields.next()?, fields.next()?);
        let default = to == "00000000" && through != "00000000";
        let through = u32::from_str_radix(through, 16).ok().filter(|_| default)?;
        // In the byte order of the machine, as it lies in memory.
        Some(Ipv4Addr::from(through.to_ne_bytes()))
    })
}

/// As the kernel sees it.
fn is_powerless() -> Result<(), String> {
    let status = fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let field = |name: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        found.unwrap_or_default()
    };
    let none = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]
        .into_iter()
        .all(|set| u64::from_str_radix(field(set), 16) == Ok(0));
    let user = field("Uid").split_whitespace().all(|uid| uid == NOBODY.to_string());
    match none && user && field("NoNewPrivs") == "1" {
        true => Ok(()),
        false => Err("privileges are left".to_owned()),
    }
}

/// One line on standard output, at once.
pub fn say(line: &str) -> io::Result<()> {
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
