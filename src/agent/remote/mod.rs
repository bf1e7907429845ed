//! The agent's API over TCP: the same routes as at the socket, for callers who prove who they are.
//!
//! Off unless the settings give an address. No connection may say nothing for long, hold more than
//! its share, or go on once its credential has ended.

mod browser;
mod connection;
mod keys;
mod leash;
mod rate;
mod setup;
mod tls;

use std::{
    net::{IpAddr, SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use tokio::{net::TcpStream, sync::Semaphore};
use tokio_rustls::TlsAcceptor;

use super::routes::House;
use browser::Manners;
use connection::Hall;
use keys::Users;
use leash::Line;
use rate::{Places, Rates};

pub use setup::{Given, RemoteError};

/// Connections of all addresses.
const MOST_CONNECTIONS: usize = 256;
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A port that is taken, not yet served.
pub struct Remote {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    users: Option<Users>,
    manners: Manners,
    rates: Rates,
    strangers: Rates,
    places: Places,
}

impl Remote {
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Let callers in until the house's scope ends.
    pub async fn serve(self, router: Router, house: House) -> std::io::Result<()> {
        /// For the want of file descriptors to pass.
        const RESPITE: Duration = Duration::from_millis(50);
        let listener = tokio::net::TcpListener::from_std(self.listener.try_clone()?)?;
        let seats = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let hall = Arc::new(Hall {
            remote: self,
            router,
            house,
        });
        let scope = hall.house.scope.clone();
        loop {
            let next = async {
                let seat = Arc::clone(&seats).acquire_owned().await;
                (seat, listener.accept().await)
            };
            let (seat, accepted) = tokio::select! {
                () = scope.cancelled() => return Ok(()),
                next = next => next,
            };
            match (seat, accepted) {
                (Ok(seat), Ok((stream, address))) => {
                    // Who holds too many gets no more, and takes nobody else's.
                    let Some(place) = hall.remote.places.take(address.ip()) else {
                        continue;
                    };
                    let line = Line::new(seat, place);
                    scope.spawn(welcome(Arc::clone(&hall), stream, address.ip(), line));
                }
                (Err(_), _) => return Ok(()),
                (_, Err(error)) => {
                    tracing::debug!(%error, "cannot accept a connection");
                    tokio::time::sleep(RESPITE).await;
                }
            }
        }
    }
}

async fn welcome(hall: Arc<Hall>, stream: TcpStream, from: IpAddr, line: Arc<Line>) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = hall.remote.tls.clone() else {
        return connection::serve(hall, stream, from, line).await;
    };
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(HANDSHAKE, tls.accept(stream)) => shaken,
        () = hall.house.scope.cancelled() => return,
    };
    match shaken {
        Ok(Ok(stream)) => connection::serve(hall, stream, from, line).await,
        Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
        Err(_) => tracing::debug!("a handshake took too long"),
    }
}
