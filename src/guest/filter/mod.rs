//! The only way out of a namespace whose preview may reach some hosts by name and nothing else.
//!
//! The namespace's rules send every DNS, TLS and HTTP connection here and let nothing else leave
//! but what this process sends. What a preview says of addresses is never believed: only names
//! count, each is looked up here, and the connection is made to what was found. Threads, each
//! bounded in number, in memory and in time.

mod dns;
mod dropped;
mod forward;
mod http;
mod names;
pub mod places;
mod proxy;
mod ranges;
mod report;
mod resolve;
mod tls;

use std::{
    env,
    fs::File,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use self::{
    names::Allowed,
    report::{By, Report},
    resolve::Resolver,
};
use crate::sys_netfilter::logged_packets;

/// Connections at a time; further ones wait to be accepted.
///
/// Two threads each, and no more than 256 in all are given to a sidecar.
const MOST_CONNECTIONS: usize = 96;
/// Threads that share the datagrams of DNS.
const RESOLVING: usize = 16;
const STACK: usize = 128 << 10;

/// What the environment says, all of it checked.
struct Settings {
    allowed: Allowed,
    resolvers: Vec<SocketAddr>,
    reach: Vec<SocketAddr>,
    ports: Ports,
}

/// Where it listens on loopback, and where its connections go to.
#[derive(Clone, Copy)]
struct Ports {
    dns: u16,
    tls: u16,
    http: u16,
    to_tls: u16,
    to_http: u16,
}

const PORTS: Ports =
    Ports { dns: places::DNS, tls: places::TLS, http: places::HTTP, to_tls: 443, to_http: 80 };

pub struct Filter {
    allowed: Allowed,
    resolver: Resolver,
    report: Arc<Report>,
    ports: Ports,
    slots: Slots,
}

/// What has to be taken while the process may still administer the network.
pub struct Prepared {
    settings: Option<Settings>,
    logged: Option<File>,
}

/// Check what the environment asks for. Without a list there is no filter, but what the rules refuse
/// is told all the same, where the kernel can log it.
pub fn prepare() -> io::Result<Prepared> {
    let settings = Settings::read()?;
    Ok(Prepared { settings, logged: logged_packets(places::LOG_GROUP).ok() })
}

impl Prepared {
    /// Listen and begin to serve. Every socket made from here on belongs to the user that the
    /// process has become, by whom the rules know it.
    pub fn start(self) -> io::Result<()> {
        let report = Arc::new(Report::new());
        if let Some(logged) = self.logged {
            let report = report.clone();
            spawn(move || dropped::watch(&report, &logged))?;
        }
        match self.settings {
            Some(settings) => Filter::new(settings, report).start(),
            None => Ok(()),
        }
    }
}

impl Settings {
    /// `None` if the preview's egress is not by name.
    fn read() -> io::Result<Option<Self>> {
        let Ok(allow) = env::var("CODEMATE_NET_ALLOW") else { return Ok(None) };
        let allowed = Allowed::parse(&allow).map_err(|bad| invalid("name", &bad))?;
        let resolvers = words("CODEMATE_NET_DNS", |word| {
            word.parse().ok().or_else(|| Some(SocketAddr::new(word.parse().ok()?, 53)))
        })?;
        let reach = words("CODEMATE_NET_REACH", |word| word.parse().ok())?;
        let ports = words("CODEMATE_NET_PORTS", |word| word.parse().ok())?;
        let ports = match ports[..] {
            [] => PORTS,
            [dns, tls, http, to_tls, to_http] => Ports { dns, tls, http, to_tls, to_http },
            _ => return Err(invalid("list of ports", "CODEMATE_NET_PORTS")),
        };
        Ok(Some(Self { allowed, resolvers, reach, ports }))
    }
}

fn words<T>(variable: &str, parse: impl Fn(&str) -> Option<T>) -> io::Result<Vec<T>> {
    let text = env::var(variable).unwrap_or_default();
    let parse = |word| parse(word).ok_or_else(|| invalid(variable, word));
    text.split_whitespace().map(parse).collect()
}

fn invalid(what: &str, value: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("not a {what}: {value}"))
}

impl Filter {
    fn new(settings: Settings, report: Arc<Report>) -> Self {
        Self {
            allowed: settings.allowed,
            resolver: Resolver::new(settings.resolvers, settings.reach),
            report,
            ports: settings.ports,
            slots: Slots::default(),
        }
    }

    /// IPv6 where the namespace has it; there is always IPv4.
    fn start(self) -> io::Result<()> {
        let filter = Arc::new(self);
        let loopbacks: [(IpAddr, bool); 2] =
            [(Ipv4Addr::LOCALHOST.into(), true), (Ipv6Addr::LOCALHOST.into(), false)];
        for (address, needed) in loopbacks {
            match filter.listen_on(address) {
                Err(error) if needed => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn listen_on(self: &Arc<Self>, address: IpAddr) -> io::Result<()> {
        let Ports { dns, tls, http, .. } = self.ports;
        let questions = Arc::new(UdpSocket::bind((address, dns))?);
        let listeners: [(u16, Serve); 3] =
            [(dns, forward::converse), (tls, proxy::tls), (http, proxy::http)];
        let mut bound = Vec::new();
        for (port, serve) in listeners {
            bound.push((TcpListener::bind((address, port))?, serve));
        }
        for (listener, serve) in bound {
            let filter = self.clone();
            spawn(move || filter.accept(&listener, serve))?;
        }
        for _ in 0..RESOLVING {
            let (filter, questions) = (self.clone(), questions.clone());
            spawn(move || forward::serve(&filter, &questions))?;
        }
        Ok(())
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener, serve: Serve) {
        loop {
            self.slots.take();
            let Ok((mut client, _)) = listener.accept() else {
                // Out of descriptors for a moment, or a client that left before it was seen.
                self.slots.give();
                thread::sleep(Duration::from_millis(20));
                continue;
            };
            let filter = self.clone();
            let started = spawn(move || {
                let _ = client.set_nodelay(true);
                // How it ended concerns the client alone.
                let _ = serve(&filter, &mut client);
                drop(client);
                filter.slots.give();
            });
            if started.is_err() {
                self.slots.give();
            }
        }
    }

    fn port_of(&self, by: By) -> u16 {
        if by == By::Tls { self.ports.to_tls } else { self.ports.to_http }
    }
}

type Serve = fn(&Filter, &mut TcpStream) -> io::Result<()>;

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().stack_size(STACK).spawn(work).map(drop)
}

/// How many connections there are.
#[derive(Default)]
struct Slots {
    taken: Mutex<usize>,
    given: Condvar,
}

impl Slots {
    /// Wait for room. An idle listener holds one, so that it never accepts what it cannot serve.
    fn take(&self) {
        let Ok(taken) = self.taken.lock() else { return };
        if let Ok(mut taken) = self.given.wait_while(taken, |taken| *taken >= MOST_CONNECTIONS) {
            *taken += 1;
        }
    }

    fn give(&self) {
        if let Ok(mut taken) = self.taken.lock() {
            *taken = taken.saturating_sub(1);
        }
        self.given.notify_one();
    }
}
