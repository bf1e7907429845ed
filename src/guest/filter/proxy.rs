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

use guest_api::host_names;

use super::{
    Filter, STACK, dns_codec,
    http::{self, RequestBody, RequestHead},
    refusal_log::RefusalKind,
    resolve::{Resolution, remaining},
    tls::{self, ClientHello},
};
use crate::sys::netfilter::original_destination;

/// From the connection's start until its hello or its headers are complete.
const FIRST_BYTES: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// Addresses tried of one name.
const MOST_TRIED: usize = 4;
/// Nothing in either direction for so long ends a connection.
const IDLE: Duration = Duration::from_mins(5);
/// How often that is looked at.
const TICK: Duration = Duration::from_secs(5);
/// A peer that takes nothing for so long is gone.
const STUCK: Duration = Duration::from_mins(1);
const SLICE: usize = 16 << 10;

/// A connection that may be made, and what was read for it already.
struct ProxiedConnection {
    server: TcpStream,
    first: Vec<u8>,
    /// Where what may follow ends.
    body: Option<RequestBody>,
}

pub fn tls(filter: &Filter, client: &mut TcpStream) -> io::Result<()> {
    let mut seen = Vec::new();
    let deadline = Instant::now() + FIRST_BYTES;
    let name = loop {
        match tls::hello(&seen) {
            ClientHello::Named(name) => break name,
            ClientHello::Incomplete if seen.len() <= tls::LONGEST_HELLO + (4 << 10) => {
                read_more(client, &mut seen, deadline)?;
            }
            ClientHello::Incomplete | ClientHello::Bad(_) => {
                filter.refuse_address(RefusalKind::Tls, client);
                return refuse(client, &tls::DENIED);
            }
        }
    };
    let Some(server) = filter.server_of(RefusalKind::Tls, &name, client) else {
        return refuse(client, &tls::DENIED);
    };
    relay(
        client,
        ProxiedConnection {
            server: server?,
            first: seen,
            body: None,
        },
    )
}

pub fn http(filter: &Filter, client: &mut TcpStream) -> io::Result<()> {
    let mut seen = Vec::new();
    let deadline = Instant::now() + FIRST_BYTES;
    let request = loop {
        match http::head(&seen) {
            RequestHead::Request(request) => break request,
            RequestHead::Incomplete if seen.len() < http::LONGEST_HEAD => {
                read_more(client, &mut seen, deadline)?;
            }
            RequestHead::Incomplete | RequestHead::Bad(_) => {
                filter.refuse_address(RefusalKind::Http, client);
                return refuse(client, http::UNCLEAR);
            }
        }
    };
    let Some(server) = filter.server_of(RefusalKind::Http, &request.host, client) else {
        return refuse(client, http::DENIED);
    };
    let mut body = request.body;
    let rest = &seen[request.consumed..];
    let Ok(belongs) = body.take(rest) else {
        return refuse(client, http::UNCLEAR);
    };
    let first = [&request.head, &rest[..belongs]].concat();
    relay(
        client,
        ProxiedConnection {
            server: server?,
            first,
            body: Some(body),
        },
    )
}

impl Filter {
    /// A connection to where an allowed name really is, whatever address the client dialled. `None`
    /// if the name is refused.
    fn server_of(
        &self,
        by: RefusalKind,
        name: &[u8],
        client: &TcpStream,
    ) -> Option<io::Result<TcpStream>> {
        let port = self.port_of(by);
        let text = std::str::from_utf8(name).ok();
        let Some(host) = text
            .and_then(host_names::host)
            .filter(|host| self.allowed.has(host))
        else {
            let asked = original_destination(client).map_or(port, |address| address.port());
            self.report.refused(by, &host_names::harmless(name), asked);
            return None;
        };
        let mut failed = io::ErrorKind::HostUnreachable.into();
        for kind in [dns_codec::A, dns_codec::AAAA] {
            let Resolution::Addresses {
                addresses, private, ..
            } = self.resolver.find(&host, kind)
            else {
                continue;
            };
            if let Some(private) = private {
                self.report_private(&host, private);
            }
            let places = addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, port));
            let places = places.filter(|&address| self.resolver.may_reach(address));
            for address in places.take(MOST_TRIED) {
                match TcpStream::connect_timeout(&address, CONNECT) {
                    Ok(server) => return Some(Ok(server)),
                    Err(error) => failed = error,
                }
            }
        }
        Some(Err(failed))
    }

    /// Where it was going is all that is known of it.
    fn refuse_address(&self, by: RefusalKind, client: &TcpStream) {
        let destination = original_destination(client);
        let address = destination.map_or_else(|| "-".to_owned(), |to| to.ip().to_string());
        let port = destination.map_or(self.port_of(by), |to| to.port());
        self.report.refused(by, &address, port);
    }
}

fn read_more(client: &mut TcpStream, seen: &mut Vec<u8>, deadline: Instant) -> io::Result<()> {
    let mut slice = [0; 4 << 10];
    client.set_read_timeout(Some(remaining(deadline)?))?;
    match client.read(&mut slice)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        len => {
            seen.extend_from_slice(&slice[..len]);
            Ok(())
        }
    }
}

/// Say why, and end it so that the words arrive: with unread bytes left it would end in a reset.
fn refuse(client: &mut TcpStream, words: &[u8]) -> io::Result<()> {
    client.set_write_timeout(Some(CONNECT))?;
    client.write_all(words)?;
    client.shutdown(Shutdown::Write)?;
    let deadline = Instant::now() + Duration::from_secs(1);
    let mut unread = Vec::new();
    while unread.len() < http::LONGEST_HEAD {
        read_more(client, &mut unread, deadline)?;
    }
    Ok(())
}

fn relay(client: &mut TcpStream, mut proxied: ProxiedConnection) -> io::Result<()> {
    proxied.server.set_nodelay(true)?;
    for stream in [&*client, &proxied.server] {
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(STUCK))?;
    }
    proxied.server.write_all(&proxied.first)?;
    drop(proxied.first);
    let activity = Arc::new(ActivityClock::new());
    let (mut back_from, mut back_to) = (proxied.server.try_clone()?, client.try_clone()?);
    let beside = activity.clone();
    let back = thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || copy(&mut back_from, &mut back_to, None, &beside))?;
    copy(client, &mut proxied.server, proxied.body, &activity);
    // Ends: it too looks at the pulse.
    let _ = back.join();
    Ok(())
}

/// One direction until its end. An error ends both.
fn copy(
    from: &mut TcpStream,
    to: &mut TcpStream,
    mut body: Option<RequestBody>,
    activity: &ActivityClock,
) {
    if copy_all(from, to, &mut body, activity).is_err() {
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

fn copy_all(
    from: &mut TcpStream,
    to: &mut TcpStream,
    body: &mut Option<RequestBody>,
    activity: &ActivityClock,
) -> io::Result<()> {
    let mut slice = vec![0; SLICE];
    loop {
        if body.as_ref().is_some_and(RequestBody::is_done) {
            // Nothing more of the client's is passed on; the answer may still come.
            return Ok(());
        }
        let len = match from.read(&mut slice) {
            // The end of an answer is the end of its connection; a request's end is told by its
            // framing, and its client may have closed its own half.
            Ok(0) => return to.shutdown(Shutdown::Write),
            Ok(len) => len,
            Err(error) if is_tick(&error) && !activity.is_still() => continue,
            Err(error) => return Err(error),
        };
        activity.beat();
        let belongs = match body {
            Some(body) => body.take(&slice[..len]).map_err(io::Error::other)?,
            None => len,
        };
        to.write_all(&slice[..belongs])?;
        activity.beat();
    }
}

fn is_tick(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

/// When something last went through, in either direction.
struct ActivityClock {
    began: Instant,
    last_ms: AtomicU64,
}

impl ActivityClock {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            last_ms: AtomicU64::new(0),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn beat(&self) {
        self.last_ms.store(self.now(), Ordering::Relaxed);
    }

    fn is_still(&self) -> bool {
        let idle = u64::try_from(IDLE.as_millis()).unwrap_or(u64::MAX);
        self.now()
            .saturating_sub(self.last_ms.load(Ordering::Relaxed))
            >= idle
    }
}
