//! Addresses of allowed names, asked of the resolvers that were named and of no other.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher, Hasher},
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    sync::Mutex,
    time::{Duration, Instant},
};

use guest_api::deny_ranges::is_denied;

use super::dns_codec::{self, DnsOutcome};

/// For one resolver to answer; each is asked twice.
const TIMEOUT: Duration = Duration::from_millis(1500);
const ROUNDS: usize = 2;
/// Answers kept, and for how long at least and at most, in seconds.
const MOST_CACHED: usize = 256;
const LEAST_TTL: u32 = 5;
const MOST_TTL: u32 = 300;
/// Longer than an answer about one name has reason to be.
const LONGEST: usize = 4096;

pub struct Resolver {
    servers: Vec<SocketAddr>,
    /// Places that may be gone to although they are private.
    reach: Vec<SocketAddr>,
    cache: Mutex<HashMap<(String, u16), (Instant, Resolution)>>,
}

/// What there is for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    Addresses {
        addresses: Vec<IpAddr>,
        ttl: u32,
        /// One that was left out, for it is private.
        private: Option<IpAddr>,
    },
    NoSuchName,
    Failed,
}

impl Resolver {
    pub fn new(servers: Vec<SocketAddr>, reach: Vec<SocketAddr>) -> Self {
        Self {
            servers,
            reach,
            cache: Mutex::default(),
        }
    }

    /// `name` as [`guest_api::host_names::host`] gives it, and allowed.
    pub fn find(&self, name: &str, kind: u16) -> Resolution {
        let key = (name.to_owned(), kind);
        if let Ok(cache) = self.cache.lock()
            && let Some((until, found)) = cache.get(&key)
            && *until > Instant::now()
        {
            return found.clone();
        }
        let found = self.ask(name, kind);
        if let Resolution::Addresses { ttl, .. } = &found
            && let Ok(mut cache) = self.cache.lock()
        {
            let now = Instant::now();
            if cache.len() >= MOST_CACHED {
                cache.retain(|_, (until, _)| *until > now);
            }
            if cache.len() < MOST_CACHED {
                cache.insert(
                    key,
                    (now + Duration::from_secs((*ttl).into()), found.clone()),
                );
            }
        }
        found
    }

    fn ask(&self, name: &str, kind: u16) -> Resolution {
        for _ in 0..ROUNDS {
            for &server in &self.servers {
                match ask(server, name, kind) {
                    Ok(DnsOutcome::Addresses { addresses, ttl }) => {
                        return self.keep_public(&addresses, ttl);
                    }
                    Ok(DnsOutcome::NoSuchName) => return Resolution::NoSuchName,
                    Ok(DnsOutcome::Truncated | DnsOutcome::Failed) | Err(_) => {}
                }
            }
        }
        Resolution::Failed
    }

    /// A public name that leads to a private address is somebody's trick.
    fn keep_public(&self, addresses: &[IpAddr], ttl: u32) -> Resolution {
        let may = |address: &IpAddr| {
            !is_denied(*address) || self.reach.iter().any(|allowed| allowed.ip() == *address)
        };
        Resolution::Addresses {
            addresses: addresses.iter().copied().filter(may).collect(),
            ttl: ttl.clamp(LEAST_TTL, MOST_TTL),
            private: addresses.iter().copied().find(|address| !may(address)),
        }
    }

    /// Whether a connection may be made there.
    pub fn may_reach(&self, address: SocketAddr) -> bool {
        !is_denied(address.ip()) || self.reach.contains(&address)
    }
}

fn ask(server: SocketAddr, name: &str, kind: u16) -> io::Result<DnsOutcome> {
    match over_udp(server, name, kind)? {
        DnsOutcome::Truncated => over_tcp(server, name, kind),
        outcome => Ok(outcome),
    }
}

fn over_udp(server: SocketAddr, name: &str, kind: u16) -> io::Result<DnsOutcome> {
    let any: IpAddr = if server.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    // A port of its own for each question, so that an answer has more than an id to guess.
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    let id = random();
    socket.send(&dns_codec::build_query(id, name, kind))?;
    let deadline = Instant::now() + TIMEOUT;
    let mut answer = [0; LONGEST];
    loop {
        socket.set_read_timeout(Some(remaining(deadline)?))?;
        let len = socket.recv(&mut answer)?;
        if let Some(outcome) = dns_codec::parse_answer(&answer[..len], id, name, kind) {
            return Ok(outcome);
        }
    }
}

fn over_tcp(server: SocketAddr, name: &str, kind: u16) -> io::Result<DnsOutcome> {
    let deadline = Instant::now() + TIMEOUT;
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    let id = random();
    let query = dns_codec::build_query(id, name, kind);
    stream.set_write_timeout(Some(remaining(deadline)?))?;
    let len = u16::try_from(query.len()).unwrap_or(0);
    stream.write_all(&[&len.to_be_bytes()[..], &query].concat())?;
    let mut len = [0; 2];
    fill(&mut stream, &mut len, deadline)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(len)).min(LONGEST)];
    fill(&mut stream, &mut answer, deadline)?;
    Ok(dns_codec::parse_answer(&answer, id, name, kind).unwrap_or(DnsOutcome::Failed))
}

/// Read as much as there is room for, by a point in time however slowly it comes.
pub fn fill(stream: &mut TcpStream, mut room: &mut [u8], deadline: Instant) -> io::Result<()> {
    while !room.is_empty() {
        stream.set_read_timeout(Some(remaining(deadline)?))?;
        let len = stream.read(room)?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        room = &mut room[len..];
    }
    Ok(())
}

/// Time until then; none is an error.
pub fn remaining(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(io::ErrorKind::TimedOut.into())
    } else {
        Ok(left)
    }
}

/// Not to be guessed: a hash under keys that the system chose for this process.
fn random() -> u16 {
    let bytes = RandomState::new().build_hasher().finish().to_be_bytes();
    u16::from_be_bytes([bytes[0], bytes[1]])
}
