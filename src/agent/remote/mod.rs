//! The agent's API over TCP: the same routes as at the socket, for callers who prove who they are.
//!
//! Off unless the settings give an address. No connection may say nothing for long, hold more than
//! its share, or go on once its credential has ended.

mod bind;
mod connection;
mod jwt_users;
mod origin_policy;
mod rate_limit;
mod revocable;
mod tls;

use std::{
    net::{IpAddr, SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use tokio::{net::TcpStream, sync::Semaphore};
use tokio_rustls::TlsAcceptor;

use super::routes::AppState;
use crate::http_server::{self, PerIpLimit};
use connection::RemoteContext;
use jwt_users::JwtUsers;
use origin_policy::OriginPolicy;
use rate_limit::RateLimit;
use revocable::ConnectionState;

pub use bind::{RemoteError, RemoteParams};

/// Connections of all addresses.
const MOST_CONNECTIONS: usize = 256;
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A port that is taken, not yet served.
pub struct Remote {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    users: Option<JwtUsers>,
    origin_policy: OriginPolicy,
    rate_limit: RateLimit,
    unauthenticated: RateLimit,
    per_ip: PerIpLimit,
}

impl Remote {
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Let callers in until the house's scope ends.
    pub async fn serve(self, router: Router, state: AppState) -> std::io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener.try_clone()?)?;
        let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let context = Arc::new(RemoteContext {
            remote: self,
            router,
            state,
        });
        let scope = &context.state.scope;
        let slot = || {
            let slots = Arc::clone(&slots);
            async move { slots.acquire_owned().await.ok() }
        };
        http_server::accept(&listener, scope, slot, |stream, address, slot| {
            // Who holds too many gets no more, and takes nobody else's.
            let Some(permit) = context.remote.per_ip.take(address.ip()) else {
                return;
            };
            let connection_state = ConnectionState::new(slot, permit);
            scope.spawn(handshake(
                Arc::clone(&context),
                stream,
                address.ip(),
                connection_state,
            ));
        })
        .await;
        Ok(())
    }
}

async fn handshake(
    context: Arc<RemoteContext>,
    stream: TcpStream,
    from: IpAddr,
    connection_state: Arc<ConnectionState>,
) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = context.remote.tls.clone() else {
        return connection::serve(context, stream, from, connection_state).await;
    };
    let handshaken = tokio::select! {
        handshaken = tokio::time::timeout(HANDSHAKE, tls.accept(stream)) => handshaken,
        () = context.state.scope.cancelled() => return,
    };
    match handshaken {
        Ok(Ok(stream)) => connection::serve(context, stream, from, connection_state).await,
        Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
        Err(_) => tracing::debug!("a handshake took too long"),
    }
}
