//! `guest warden`: holds the table that stands between previews and the host, in the host's own
//! namespace. It looks every few seconds, puts back what is gone, and takes the table away when it is
//! told to end. It also tells what only a process of that namespace can see.

use std::{env, fs, io, net::Ipv4Addr, os::fd::AsFd, time::Duration};

use guest_api::ruleset;

use super::{nft, preview::print_line};
use crate::sys;

const BETWEEN_LOOKS: Duration = Duration::from_secs(3);

pub fn run() -> io::Result<()> {
    let signals = sys::signals(&[sys::SIGTERM, sys::SIGINT])?;
    let failed = |reason: String| {
        let _ = print_line(&format!("failed {reason}"));
        io::Error::other(reason)
    };
    let wanted = env::var("CODEMATE_NET_RULES").map_err(|_| failed("no rules".to_owned()))?;
    let resolvers = resolvers();
    let wanted = ruleset::with_resolvers(&wanted, &resolvers);
    report_network(&resolvers)?;
    nft::ensure(&wanted).map_err(failed)?;
    let fingerprint = ruleset::fingerprint(&wanted);
    print_line(&format!("holds {fingerprint}"))?;
    let wait = i32::try_from(BETWEEN_LOOKS.as_millis()).unwrap_or(i32::MAX);
    loop {
        let mut fds = [sys::watch(signals.as_fd(), sys::POLLIN)];
        sys::wait(&mut fds, wait)?;
        if fds[0].revents != 0 {
            // One that is gone already is as well.
            let _ = nft::delete(&wanted);
            return Ok(());
        }
        if nft::check(&wanted).is_err() {
            // An end tells that nothing holds; whoever started this one starts another.
            nft::ensure(&wanted).map_err(failed)?;
            print_line(&format!("repaired {fingerprint}"))?;
        }
    }
}

fn report_network(resolvers: &[Ipv4Addr]) -> io::Result<()> {
    for resolver in resolvers {
        print_line(&format!("resolver {resolver}"))?;
    }
    for address in addresses(&read("/proc/net/fib_trie")) {
        print_line(&format!("address {address}"))?;
    }
    for (network, bits) in networks(&read("/proc/net/route")) {
        print_line(&format!("network {network}/{bits}"))?;
    }
    Ok(())
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Those of the engine's for containers. One on loopback is reached through the engine itself.
fn resolvers() -> Vec<Ipv4Addr> {
    let text = read("/etc/resolv.conf");
    let named = text.lines().filter_map(|line| {
        line.trim_start()
            .strip_prefix("nameserver")?
            .trim()
            .parse::<Ipv4Addr>()
            .ok()
    });
    named.filter(|address| !address.is_loopback()).collect()
}

/// The host's own, but loopback. A leaf's type follows its address.
fn addresses(trie: &str) -> Vec<Ipv4Addr> {
    let mut leaf = None;
    let mut all = Vec::new();
    for line in trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse::<Ipv4Addr>().ok();
        } else if line == "/32 host LOCAL" {
            all.extend(leaf.filter(|address| !address.is_loopback()));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// What it has routes to, but the default one.
fn networks(table: &str) -> Vec<(Ipv4Addr, u32)> {
    let hex = |text: &str| u32::from_str_radix(text, 16).ok();
    let network = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (to, mask) = (hex(fields.get(1)?)?, hex(fields.get(7)?)?);
        (mask != 0).then(|| (Ipv4Addr::from(to.to_ne_bytes()), mask.count_ones()))
    };
    table.lines().skip(1).filter_map(network).collect()
}
