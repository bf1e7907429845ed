//! Which TCP ports something listens on, from the kernel's tables.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

use crate::{
    filter::places,
    glance::{self, Glance},
    wire::Socket,
};

const FAST: Duration = Duration::from_millis(15);
const FAST_FOR: Duration = Duration::from_secs(15);
const SLOW: Duration = Duration::from_millis(500);
/// Where Docker's own resolver listens, in the container's namespace.
const RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));

pub struct Listeners {
    /// Every address each port is bound to.
    bound: BTreeMap<u16, Vec<IpAddr>>,
    fast_until: Instant,
    next: Instant,
    glance: Glance,
    counts: Counts,
    began: Instant,
}

/// Of the sockets there are. The files stay open: to open one takes the kernel memory that the app
/// may just have used up, and who asks for it then may be ended in the app's place.
struct Counts([Option<File>; 2]);

impl Listeners {
    pub fn new() -> Self {
        let now = Instant::now();
        Self {
            bound: BTreeMap::new(),
            fast_until: now,
            next: now,
            glance: Glance::default(),
            counts: Counts(["/proc/net/sockstat", "/proc/net/sockstat6"].map(|it| File::open(it).ok())),
            began: now,
        }
    }

    /// Something is about to listen, or somebody new wants to know.
    pub fn hurry(&mut self) {
        let now = Instant::now();
        self.fast_until = now + FAST_FOR;
        self.next = now;
    }

    pub fn timer(&self) -> Instant {
        self.next
    }

    /// Look again if it is time. Says whether the set changed.
    pub fn poll(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        let (pause, pauses) = if now < self.fast_until {
            (FAST, glance::HURRIED)
        } else {
            (SLOW, glance::CALM)
        };
        self.next = now + pause;
        // Counted first: what comes while the tables are read is news the next time.
        let (sockets, from) = (self.counts.read(), self.began.elapsed());
        if !self.glance.is_worth(sockets, from) {
            return false;
        }
        let changed = self.look();
        self.glance.was_read(sockets, from, self.began.elapsed(), pauses);
        changed
    }

    pub fn look(&mut self) -> bool {
        let mut bound: BTreeMap<u16, Vec<IpAddr>> = BTreeMap::new();
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            for (address, port) in listening(table) {
                if address != RESOLVER && !is_filters(address, port) {
                    bound.entry(port).or_default().push(address);
                }
            }
        }
        bound.values_mut().for_each(|addresses| addresses.sort_unstable());
        let changed = bound != self.bound;
        self.bound = bound;
        changed
    }

    pub fn ports(&self) -> Vec<Socket> {
        let port = |(&port, addresses): (&u16, &Vec<IpAddr>)| Socket {
            port,
            any: addresses.iter().any(IpAddr::is_unspecified),
            loopback: addresses.iter().any(IpAddr::is_loopback),
        };
        self.bound.iter().map(port).collect()
    }

    /// Where to try to connect to a port, best first.
    pub fn candidates(&self, port: u16) -> Vec<IpAddr> {
        let mut candidates = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        for &address in self.bound.get(&port).into_iter().flatten() {
            if !address.is_unspecified() && !candidates.contains(&address) {
                candidates.push(address);
            }
        }
        candidates
    }
}

impl Counts {
    fn read(&self) -> Option<u64> {
        let [four, six] = self.0.each_ref().map(|file| {
            // They are a few lines of some 200 bytes in all.
            let mut text = [0; 1024];
            let len = file.as_ref().and_then(|file| file.read_at(&mut text, 0).ok());
            String::from_utf8_lossy(&text[..len.unwrap_or(0)]).into_owned()
        });
        glance::count([&four, &six])
    }
}

/// Of a preview that reaches hosts by name, the filter listens in the same namespace.
fn is_filters(address: IpAddr, port: u16) -> bool {
    address.is_loopback() && [places::DNS, places::TLS, places::HTTP].contains(&port)
}

fn listening(table: &str) -> Vec<(IpAddr, u16)> {
    let Ok(file) = File::open(table) else { return Vec::new() };
    let lines = BufReader::with_capacity(16 * 1024, file).lines().skip(1).map_while(Result::ok);
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
