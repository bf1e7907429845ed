//! The way out: who a connection is meant for is read from its first bytes, and it is made from here
//! to where that name really is.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    Filter, STACK, dns,
    http::{self, Body, Head},
    names,
    report::By,
    resolve::{Found, left},
    tls::{self, Hello},
};
use crate::sys_netfilter::original_destination;

/// From the connection's start until its hello or its headers are complete.
const FIRST_BYTES: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// Addresses tried of one name.
const MOST_TRIED: usize = 4;
/// Nothing in either direction for so long ends a connection.
const IDLE: Duration = Duration::from_secs(300);
/// How often that is looked at.
const TICK: Duration = Duration::from_secs(5);
/// A peer that takes nothing for so long is gone.
const STUCK: Duration = Duration::from_secs(60);
const SLICE: usize = 16 << 10;

/// A connection that may be made, and what was read for it already.
struct Way {
    server: TcpStream,
    first: Vec<u8>,
    /// Where what may follow ends.
    body: Option<Body>,
}

pub fn tls(filter: &Filter, client: &mut TcpStream) -> io::Result<()> {
    let mut seen = Vec::new();
    let deadline = Instant::now() + FIRST_BYTES;
    let name = loop {
        match tls::hello(&seen) {
            Hello::Named(name) => break name,
            Hello::Incomplete if seen.len() <= tls::LONGEST_HELLO + (4 << 10) => {
                more(client, &mut seen, deadline)?;
            }
            Hello::Incomplete | Hello::Bad(_) => {
                filter.refuse_address(By::Tls, client);
                return hang_up(client, &tls::DENIED);
            }
        }
    };
    let Some(server) = filter.server_of(By::Tls, &name, client) else {
        return hang_up(client, &tls::DENIED);
    };
    relay(client, Way { server: server?, first: seen, body: None })
}

pub fn http(filter: &Filter, client: &mut TcpStream) -> io::Result<()> {
    let mut seen = Vec::new();
    let deadline = Instant::now() + FIRST_BYTES;
    let request = loop {
        match http::head(&seen) {
            Head::Request(request) => break request,
            Head::Incomplete if seen.len() < http::LONGEST_HEAD => {
                more(client, &mut seen, deadline)?;
            }
            Head::Incomplete | Head::Bad(_) => {
                filter.refuse_address(By::Http, client);
                return hang_up(client, http::UNCLEAR);
            }
        }
    };
    let Some(server) = filter.server_of(By::Http, &request.host, client) else {
        return hang_up(client, http::DENIED);
    };
    let mut body = request.body;
    let rest = &seen[request.consumed..];
    let Ok(belongs) = body.take(rest) else { return hang_up(client, http::UNCLEAR) };
    let first = [&request.head, &rest[..belongs]].concat();
    relay(client, Way { server: server?, first, body: Some(body) })
}

impl Filter {
    /// A connection to where an allowed name really is, whatever address the client dialled. `None`
    /// if the name is refused.
    fn server_of(&self, by: By, name: &[u8], client: &TcpStream) -> Option<io::Result<TcpStream>> {
        let port = self.port_of(by);
        let text = std::str::from_utf8(name).ok();
        let Some(host) = text.and_then(names::host).filter(|host| self.allowed.has(host)) else {
            let asked = original_destination(client).map_or(port, |place| place.port());
            self.report.refused(by, &names::harmless(name), asked);
            return None;
        };
        let mut failed = io::ErrorKind::HostUnreachable.into();
        for kind in [dns::A, dns::AAAA] {
            let Found::Addresses { addresses, private, .. } = self.resolver.find(&host, kind) else {
                continue;
            };
            if let Some(private) = private {
                self.tell_private(&host, private);
            }
            let places = addresses.into_iter().map(|address| SocketAddr::new(address, port));
            let places = places.filter(|&place| self.resolver.may_reach(place));
            for place in places.take(MOST_TRIED) {
                match TcpStream::connect_timeout(&place, CONNECT) {
                    Ok(server) => return Some(Ok(server)),
                    Err(error) => failed = error,
                }
            }
        }
        Some(Err(failed))
    }

    /// Where it was going is all that is known of it.
    fn refuse_address(&self, by: By, client: &TcpStream) {
        let place = original_destination(client);
        let address = place.map_or_else(|| "-".to_owned(), |place| place.ip().to_string());
        let port = place.map_or(self.port_of(by), |place| place.port());
        self.report.refused(by, &address, port);
    }
}

fn more(client: &mut TcpStream, seen: &mut Vec<u8>, deadline: Instant) -> io::Result<()> {
    let mut slice = [0; 4 << 10];
    client.set_read_timeout(Some(left(deadline)?))?;
    match client.read(&mut slice)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        len => {
            seen.extend_from_slice(&slice[..len]);
            Ok(())
        }
    }
}

/// Say why, and end it so that the words arrive: with unread bytes left it would end in a reset.
fn hang_up(client: &mut TcpStream, words: &[u8]) -> io::Result<()> {
    client.set_write_timeout(Some(CONNECT))?;
    client.write_all(words)?;
    client.shutdown(Shutdown::Write)?;
    let deadline = Instant::now() + Duration::from_secs(1);
    let mut unread = Vec::new();
    while unread.len() < http::LONGEST_HEAD {
        more(client, &mut unread, deadline)?;
    }
    Ok(())
}

fn relay(client: &mut TcpStream, mut way: Way) -> io::Result<()> {
    way.server.set_nodelay(true)?;
    for stream in [&*client, &way.server] {
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(STUCK))?;
    }
    way.server.write_all(&way.first)?;
    drop(way.first);
    let pulse = Arc::new(Pulse::new());
    let (mut back_from, mut back_to) = (way.server.try_clone()?, client.try_clone()?);
    let beside = pulse.clone();
    let back = thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || copy(&mut back_from, &mut back_to, None, &beside))?;
    copy(client, &mut way.server, way.body, &pulse);
    // Ends: it too looks at the pulse.
    let _ = back.join();
    Ok(())
}

/// One direction until its end. An error ends both.
fn copy(from: &mut TcpStream, to: &mut TcpStream, mut body: Option<Body>, pulse: &Pulse) {
    if copy_all(from, to, &mut body, pulse).is_err() {
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

fn copy_all(
    from: &mut TcpStream,
    to: &mut TcpStream,
    body: &mut Option<Body>,
    pulse: &Pulse,
) -> io::Result<()> {
    let mut slice = vec![0; SLICE];
    loop {
        if body.as_ref().is_some_and(Body::is_done) {
            // Nothing more of the client's is passed on; the answer may still come.
            return Ok(());
        }
        let len = match from.read(&mut slice) {
            // The end of an answer is the end of its connection; a request's end is told by its
            // framing, and its client may have closed its own half.
            Ok(0) => return to.shutdown(Shutdown::Write),
            Ok(len) => len,
            Err(error) if is_tick(&error) && !pulse.is_still() => continue,
            Err(error) => return Err(error),
        };
        pulse.beat();
        let belongs = match body {
            Some(body) => body.take(&slice[..len]).map_err(io::Error::other)?,
            None => len,
        };
        to.write_all(&slice[..belongs])?;
        pulse.beat();
    }
}

fn is_tick(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

/// When something last went through, in either direction.
struct Pulse {
    began: Instant,
    last_ms: AtomicU64,
}

impl Pulse {
    fn new() -> Self {
        Self { began: Instant::now(), last_ms: AtomicU64::new(0) }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn beat(&self) {
        self.last_ms.store(self.now(), Ordering::Relaxed);
    }

    fn is_still(&self) -> bool {
        let idle = u64::try_from(IDLE.as_millis()).unwrap_or(u64::MAX);
        self.now().saturating_sub(self.last_ms.load(Ordering::Relaxed)) >= idle
    }
}
