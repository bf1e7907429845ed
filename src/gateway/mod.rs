//! The gateway: the one way to every instance. It listens on loopback, tells instances apart by
//! host name, forwards, and counts who is busy.
//!
//! People at this machine come in at [`Gateway`], by `<name>.localhost`. Whoever comes through a
//! tunnel comes in at a [`PublicListener`], a listener of its own: a tunnel may let outsiders send any
//! `Host`, so the listener they connected to, and not what they say, decides what they reach. The
//! [`AccessPolicy`] of an instance says who of them may come in: holders of a link, or everyone.

mod access;
mod error;
mod listener;
mod proxy;
mod public_listener;
mod routing;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, TcpListener},
    sync::Arc,
    time::Duration,
};

use tokio::time::MissedTickBehavior;

use crate::model::Name;

use listener::{Listener, ListenerKind};

pub use access::{
    challenge::Challenge, link_token::link_url, policy::AccessPolicy, public_deny::PublicDeny,
};
pub use error::GatewayError;
pub use proxy::dial::Dial;
pub use public_listener::{PublicListener, PublicListeners};
pub use routing::{
    activity::{Activity, ActivityGuard, Load},
    ports::{NoPorts, Ports},
    routes::{Route, Routes, Target},
};

/// Where previews are found unless something else is there.
pub const DEFAULT_PORT: u16 = 7070;

const SWEEP: Duration = Duration::from_secs(15);

/// A port that is taken, not yet served.
#[derive(Debug)]
pub struct Gateway {
    sockets: Vec<TcpListener>,
    port: u16,
}

impl Gateway {
    /// Listen on `preferred` on loopback, or on a free port when that is taken.
    pub fn bind(preferred: Option<u16>) -> Result<Self, GatewayError> {
        const ATTEMPTS: u32 = 16;
        match listen(preferred.unwrap_or(DEFAULT_PORT)) {
            Err(error) if is_taken(&error) => {}
            bound => return bound.map_err(GatewayError::Listen),
        }
        for _ in 0..ATTEMPTS {
            match listen(0) {
                Err(error) if is_taken(&error) => {}
                bound => return bound.map_err(GatewayError::Listen),
            }
        }
        Err(GatewayError::NoFreePort)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the instance of that name is found.
    pub fn url(&self, name: &Name) -> String {
        format!("http://{name}.localhost:{}", self.port)
    }

    /// Serve until the scope of the listeners ends, and then until open requests have ended or 3 s have
    /// passed. Listeners of both kinds share one limit of connections.
    pub async fn serve(&self, listeners: &PublicListeners) -> Result<(), GatewayError> {
        let context = listeners.context();
        for socket in &self.sockets {
            let socket = socket
                .try_clone()
                .and_then(tokio::net::TcpListener::from_std)
                .map_err(GatewayError::Socket)?;
            let kind = ListenerKind::Local { port: self.port };
            let listener = Arc::new(Listener::new(context, kind, context.scope.clone()));
            context
                .scope
                .spawn(async move { listener.accept(&socket).await });
        }
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = context.scope.cancelled() => break,
                _ = sweep.tick() => context.routes.all().iter().for_each(|entry| entry.pool.sweep()),
            }
        }
        context.connections.drained().await;
        context
            .routes
            .all()
            .iter()
            .for_each(|entry| entry.pool.close());
        Ok(())
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
    )
}

/// Both loopback addresses at one port. A host without IPv6 is served over IPv4 alone.
fn listen(port: u16) -> io::Result<Gateway> {
    let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let port = v4.local_addr()?.port();
    let mut sockets = vec![v4];
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
        Ok(v6) => sockets.push(v6),
        Err(error) if is_taken(&error) => return Err(error),
        Err(error) => tracing::debug!(%error, "no IPv6 loopback"),
    }
    for socket in &sockets {
        socket.set_nonblocking(true)?;
    }
    Ok(Gateway { sockets, port })
}
