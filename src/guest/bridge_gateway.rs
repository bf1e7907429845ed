//! The host's address on this namespace's bridge, read from the kernel's table of routes.

use std::{fs, net::Ipv4Addr};

/// `None` where the namespace has no default route.
pub fn bridge_gateway() -> Option<Ipv4Addr> {
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
