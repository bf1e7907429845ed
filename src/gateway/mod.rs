//! The gateway: the one way to every instance. It listens on loopback, tells instances apart by
//! host name, forwards, and counts who is busy.
//!
//! People at this machine come in at [`Gateway`], by `<name>.localhost`. Whoever comes through a
//! tunnel comes in at an [`Entrance`], a listener of its own: a tunnel may let outsiders send any
//! `Host`, so which door they came by, and not what they say, decides what they can reach. The
//! [`Gate`] of an instance says who of them may come in: holders of a link, or everyone.

mod abroad;
mod activity;
mod admission;
mod allowance;
mod body;
mod challenge;
mod cross_site;
mod deny;
mod dial;
mod door;
mod entrance;
mod error;
mod exchange;
mod forward;
mod gate;
mod halves;
mod headers;
mod host;
mod lobby;
mod page;
mod patience;
mod place;
mod pool;
mod port_page;
mod ports;
mod rewrite;
mod route;
mod ticket;
mod upgrade;
mod way;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, TcpListener},
    sync::Arc,
    time::Duration,
};

use tokio::time::MissedTickBehavior;

use crate::model::Name;

use door::{Door, Side};

pub use activity::{Activity, Hold, Load};
pub use challenge::Challenge;
pub use deny::PublicDeny;
pub use dial::{AsyncReadWrite, Dial, Stream, TcpDial};
pub use entrance::{Entrance, Entrances};
pub use error::GatewayError;
pub use gate::Gate;
pub use patience::{Busy, Patient, Requests};
pub use ports::{NoPorts, Ports};
pub use route::{Route, Routes, Target};
pub use ticket::link;

/// Where previews are found unless something else is there.
pub const DEFAULT_PORT: u16 = 7070;

const SWEEP: Duration = Duration::from_secs(15);

/// A port that is taken, not yet served.
#[derive(Debug)]
pub struct Gateway {
    listeners: Vec<TcpListener>,
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

    /// Serve until the scope of the entrances ends, and then until open requests have or 3 s have
    /// passed. Doors of both kinds share the connections there may be.
    pub async fn serve(&self, entrances: &Entrances) -> Result<(), GatewayError> {
        let hall = entrances.hall();
        for listener in &self.listeners {
            let listener = listener
                .try_clone()
                .and_then(tokio::net::TcpListener::from_std)
                .map_err(GatewayError::Socket)?;
            let side = Side::Local { port: self.port };
            let door = Arc::new(Door::new(hall, side, hall.scope.clone()));
            hall.scope
                .spawn(async move { door.accept(&listener).await });
        }
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = hall.scope.cancelled() => break,
                _ = sweep.tick() => hall.routes.all().iter().for_each(|entry| entry.pool.sweep()),
            }
        }
        hall.seats.drained().await;
        hall.routes
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
    let mut listeners = vec![v4];
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
        Ok(v6) => listeners.push(v6),
        Err(error) if is_taken(&error) => return Err(error),
        Err(error) => tracing::debug!(%error, "no IPv6 loopback"),
    }
    for listener in &listeners {
        listener.set_nonblocking(true)?;
    }
    Ok(Gateway { listeners, port })
}
