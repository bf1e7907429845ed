//! The only way out of a namespace whose preview may reach some hosts by name and nothing else.
//!
//! The namespace's rules send every DNS, TLS and HTTP connection here and let nothing else leave
//! but what this process sends. What a preview says of addresses is never believed: only names
//! count, each is looked up here, and the connection is made to what was found. Threads, each
//! bounded in number, in memory and in time.

mod dns_codec;
mod dns_server;
mod dropped_packets;
mod http;
mod proxy;
mod refusal_log;
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

use guest_api::{filter_ports, host_names::Allowed};

use crate::sys::netfilter::logged_packets;
use refusal_log::{RefusalKind, RefusalLog};
use resolve::Resolver;

/// Connections at a time; further ones wait to be accepted.
///
/// Two threads each, and no more than 256 in all are given to a sidecar.
const MOST_CONNECTIONS: usize = 96;
/// Threads that share the datagrams of DNS.
const RESOLVING: usize = 16;
const STACK: usize = 128 << 10;

/// What the environment says, all of it checked.
struct FilterSettings {
    allowed: Allowed,
    resolvers: Vec<SocketAddr>,
    reach: Vec<SocketAddr>,
    ports: FilterPorts,
}

/// Where it listens on loopback, and where its connections go to.
#[derive(Clone, Copy)]
struct FilterPorts {
    dns: u16,
    tls: u16,
    http: u16,
    to_tls: u16,
    to_http: u16,
}

const PORTS: FilterPorts = FilterPorts {
    dns: filter_ports::DNS,
    tls: filter_ports::TLS,
    http: filter_ports::HTTP,
    to_tls: 443,
    to_http: 80,
};

pub struct Filter {
    allowed: Allowed,
    resolver: Resolver,
    report: Arc<RefusalLog>,
    ports: FilterPorts,
    slots: ConnectionSlots,
}

/// What has to be taken while the process may still administer the network.
pub struct PreparedFilter {
    settings: Option<FilterSettings>,
    logged: Option<File>,
}

/// Check what the environment asks for. Without a list there is no filter, but what the rules refuse
/// is told all the same, where the kernel can log it.
pub fn prepare() -> io::Result<PreparedFilter> {
    let settings = FilterSettings::read()?;
    Ok(PreparedFilter {
        settings,
        logged: logged_packets(filter_ports::LOG_GROUP).ok(),
    })
}

impl PreparedFilter {
    /// Listen and begin to serve. Every socket made from here on belongs to the user that the
    /// process has become, by whom the rules know it.
    pub fn start(self) -> io::Result<()> {
        let report = Arc::new(RefusalLog::new());
        if let Some(logged) = self.logged {
            let report = report.clone();
            spawn(move || dropped_packets::watch(&report, &logged))?;
        }
        match self.settings {
            Some(settings) => Filter::new(settings, report).start(),
            None => Ok(()),
        }
    }
}

impl FilterSettings {
    /// `None` if the preview's egress is not by name.
    fn read() -> io::Result<Option<Self>> {
        let Ok(allow) = env::var("CODEMATE_NET_ALLOW") else {
            return Ok(None);
        };
        let allowed = Allowed::parse(&allow).map_err(|bad| invalid("name", &bad))?;
        let resolvers = words("CODEMATE_NET_DNS", |word| {
            word.parse()
                .ok()
                .or_else(|| Some(SocketAddr::new(word.parse().ok()?, 53)))
        })?;
        let reach = words("CODEMATE_NET_REACH", |word| word.parse().ok())?;
        let ports = words("CODEMATE_NET_PORTS", |word| word.parse().ok())?;
        let ports = match ports[..] {
            [] => PORTS,
            [dns, tls, http, to_tls, to_http] => FilterPorts {
                dns,
                tls,
                http,
                to_tls,
                to_http,
            },
            _ => return Err(invalid("list of ports", "CODEMATE_NET_PORTS")),
        };
        Ok(Some(Self {
            allowed,
            resolvers,
            reach,
            ports,
        }))
    }
}

fn words<T>(variable: &str, parse: impl Fn(&str) -> Option<T>) -> io::Result<Vec<T>> {
    let text = env::var(variable).unwrap_or_default();
    let parse = |word| parse(word).ok_or_else(|| invalid(variable, word));
    text.split_whitespace().map(parse).collect()
}

fn invalid(what: &str, value: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("not a {what}: {value}"),
    )
}

impl Filter {
    fn new(settings: FilterSettings, report: Arc<RefusalLog>) -> Self {
        Self {
            allowed: settings.allowed,
            resolver: Resolver::new(settings.resolvers, settings.reach),
            report,
            ports: settings.ports,
            slots: ConnectionSlots::default(),
        }
    }

    /// IPv6 where the namespace has it; there is always IPv4.
    fn start(self) -> io::Result<()> {
        let filter = Arc::new(self);
        let loopbacks: [(IpAddr, bool); 2] = [
            (Ipv4Addr::LOCALHOST.into(), true),
            (Ipv6Addr::LOCALHOST.into(), false),
        ];
        for (address, needed) in loopbacks {
            match filter.listen_on(address) {
                Err(error) if needed => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn listen_on(self: &Arc<Self>, address: IpAddr) -> io::Result<()> {
        let FilterPorts { dns, tls, http, .. } = self.ports;
        let questions = Arc::new(UdpSocket::bind((address, dns))?);
        let listeners: [(u16, Handler); 3] = [
            (dns, dns_server::converse),
            (tls, proxy::tls),
            (http, proxy::http),
        ];
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
            spawn(move || dns_server::serve(&filter, &questions))?;
        }
        Ok(())
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener, serve: Handler) {
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

    fn port_of(&self, by: RefusalKind) -> u16 {
        if by == RefusalKind::Tls {
            self.ports.to_tls
        } else {
            self.ports.to_http
        }
    }
}

type Handler = fn(&Filter, &mut TcpStream) -> io::Result<()>;

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .stack_size(STACK)
        .spawn(work)
        .map(drop)
}

/// How many connections there are.
#[derive(Default)]
struct ConnectionSlots {
    taken: Mutex<usize>,
    released: Condvar,
}

impl ConnectionSlots {
    /// Wait for room. An idle listener holds one, so that it never accepts what it cannot serve.
    fn take(&self) {
        let Ok(taken) = self.taken.lock() else { return };
        if let Ok(mut taken) = self
            .released
            .wait_while(taken, |taken| *taken >= MOST_CONNECTIONS)
        {
            *taken += 1;
        }
    }

    fn give(&self) {
        if let Ok(mut taken) = self.taken.lock() {
            *taken = taken.saturating_sub(1);
        }
        self.released.notify_one();
    }
}
