//! What the kernel's tables say: which TCP ports are listened on, and how many sockets there are.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::fs::FileExt,
};

use guest_api::filter_ports::{DNS, HTTP, TLS};

use super::poll_schedule;

/// Where Docker's own resolver listens, in the container's namespace.
const RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));

/// Every address each port is bound to.
pub type ListeningPorts = BTreeMap<u16, Vec<IpAddr>>;

/// Of the sockets there are. The files stay open: to open one takes the kernel memory that the app
/// may just have used up, and who asks for it then may be ended in the app's place.
pub struct SocketCounts([Option<File>; 2]);

/// Read both tables, which takes long: see [`glance`].
pub fn listening_ports() -> ListeningPorts {
    let mut listening_ports = ListeningPorts::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for (address, port) in listening(table) {
            if address != RESOLVER && !is_filters(address, port) {
                listening_ports.entry(port).or_default().push(address);
            }
        }
    }
    for addresses in listening_ports.values_mut() {
        addresses.sort_unstable();
    }
    listening_ports
}

impl SocketCounts {
    pub fn open() -> Self {
        Self(["/proc/net/sockstat", "/proc/net/sockstat6"].map(|it| File::open(it).ok()))
    }

    pub fn read(&self) -> Option<u64> {
        let [four, six] = self.0.each_ref().map(|file| {
            // They are a few lines of some 200 bytes in all.
            let mut text = [0; 1024];
            let len = file
                .as_ref()
                .and_then(|file| file.read_at(&mut text, 0).ok());
            String::from_utf8_lossy(&text[..len.unwrap_or(0)]).into_owned()
        });
        poll_schedule::count([&four, &six])
    }
}

/// Of a preview that reaches hosts by name, the filter listens in the same namespace.
fn is_filters(address: IpAddr, port: u16) -> bool {
    address.is_loopback() && [DNS, TLS, HTTP].contains(&port)
}

fn listening(table: &str) -> Vec<(IpAddr, u16)> {
    let Ok(file) = File::open(table) else {
        return Vec::new();
    };
    let lines = BufReader::with_capacity(16 * 1024, file)
        .lines()
        .skip(1)
        .map_while(Result::ok);
    // The kernel lists what listens before every connection.
    lines.map_while(|line| entry(&line)).collect()
}

/// Address and port of a line whose state is "listening".
fn entry(line: &str) -> Option<(IpAddr, u16)> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let (_, state) = (fields.next()?, fields.next()?);
    let port = u16::from_str_radix(port, 16).ok()?;
    (state == "0A").then_some(())?;
    Some((parse(address)?, port))
}

/// Groups of eight digits, each a word in the machine's byte order.
fn parse(address: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = address.get(at..at + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    if address.len() == 8 {
        return Some(IpAddr::from(word(0)?));
    }
    let mut bytes = [0; 16];
    for (index, chunk) in bytes.chunks_mut(4).enumerate() {
        chunk.copy_from_slice(&word(index * 8)?);
    }
    Some(Ipv6Addr::from(bytes).to_canonical())
}
