//! Public listeners: where tunnels lead, and visitors from outside arrive.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::net::TcpListener;

use crate::{
    model::{Name, PublicUrl},
    task::Scope,
};

use super::{
    access::{challenge::Challenge, policy::AccessPolicy},
    error::GatewayError,
    listener::{Listener, ListenerKind, ServerContext},
    routing::{
        routes::Routes,
        virtual_hosts::{PublicRoute, VirtualHosts},
    },
};

/// Opens public listeners. Clones share them.
#[derive(Clone)]
pub struct PublicListeners {
    context: Arc<ServerContext>,
    /// By port. While the lock is held, none of these ports is opened or closed.
    shared: Arc<Mutex<HashMap<u16, Arc<VirtualHosts>>>>,
}

impl PublicListeners {
    /// They end with the scope. `port` is the gateway's: apps are told that they are visited there.
    pub fn new(routes: Routes, port: u16, scope: &Scope) -> Self {
        Self {
            context: Arc::new(ServerContext::new(routes, port, scope.child())),
            shared: Arc::default(),
        }
    }

    pub(super) fn context(&self) -> &Arc<ServerContext> {
        &self.context
    }

    /// Listen for the visitors of one instance: at a free port that is its own, or at a given one
    /// that every instance may share. The policy says who of them is let in. Has to be called
    /// within a runtime.
    pub fn open(
        &self,
        name: &Name,
        port: Option<u16>,
        policy: &Arc<AccessPolicy>,
    ) -> Result<PublicListener, GatewayError> {
        let scope = self.context.scope.child();
        let route = PublicRoute::new(name.clone(), Arc::clone(policy), scope);
        let hosts = match port {
            None => self
                .open_own(&route)
                .map_err(GatewayError::PublicListener)?,
            Some(port) => self
                .open_shared(port, &route)
                .map_err(|source| GatewayError::PublicPort { port, source })?,
        };
        let watched = Arc::clone(policy).watch(route.scope.clone());
        self.context.scope.spawn(watched);
        Ok(PublicListener { hosts, route })
    }

    fn open_own(&self, route: &Arc<PublicRoute>) -> io::Result<Arc<VirtualHosts>> {
        let (socket, port) = listen(0)?;
        let hosts = VirtualHosts::new(port, true);
        hosts.add(Arc::clone(route));
        let listener = self.listener(&hosts, route.scope.clone());
        self.context
            .scope
            .spawn(async move { listener.accept(&socket).await });
        Ok(hosts)
    }

    fn open_shared(&self, port: u16, route: &Arc<PublicRoute>) -> io::Result<Arc<VirtualHosts>> {
        let mut shared = self.shared.lock();
        if let Some(hosts) = shared.get(&port) {
            hosts.add(Arc::clone(route));
            return Ok(Arc::clone(hosts));
        }
        let (socket, port) = listen(port)?;
        let hosts = VirtualHosts::new(port, false);
        hosts.add(Arc::clone(route));
        shared.insert(port, Arc::clone(&hosts));
        let listeners = self.clone();
        let listener = self.listener(&hosts, self.context.scope.child());
        let served = Arc::clone(&hosts);
        self.context
            .scope
            .spawn(async move { listeners.serve_shared(socket, &listener, &served).await });
        Ok(hosts)
    }

    /// Listen until nobody is there for whom to. The listener closes under the lock, so that the
    /// next one to open this port finds it open or free.
    async fn serve_shared(
        &self,
        socket: TcpListener,
        listener: &Arc<Listener>,
        hosts: &VirtualHosts,
    ) {
        let mut shared = {
            let mut accepting = std::pin::pin!(listener.accept(&socket));
            loop {
                let ended = tokio::select! {
                    () = &mut accepting => true,
                    () = hosts.emptied.notified() => false,
                };
                let shared = self.shared.lock();
                if ended || hosts.is_empty() {
                    break shared;
                }
            }
        };
        drop(socket);
        shared.remove(&hosts.port());
        listener.scope.cancel();
    }

    fn listener(&self, hosts: &Arc<VirtualHosts>, scope: Scope) -> Arc<Listener> {
        let kind = ListenerKind::Public(Arc::clone(hosts));
        Arc::new(Listener::new(&self.context, kind, scope))
    }
}

/// Only IPv4: tunnel programs are told this address, and not a name.
fn listen(port: u16) -> io::Result<(TcpListener, u16)> {
    let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let port = socket.local_addr()?.port();
    socket.set_nonblocking(true)?;
    Ok((TcpListener::from_std(socket)?, port))
}

/// The listener of one preview for visitors from outside. Dropping it closes it, and ends their
/// open connections.
pub struct PublicListener {
    hosts: Arc<VirtualHosts>,
    route: Arc<PublicRoute>,
}

impl PublicListener {
    /// Where a tunnel has to lead.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.hosts.port()).into()
    }

    /// Take the visitors of this host from now on, besides those of earlier ones.
    pub fn add_origin(&self, url: &PublicUrl) {
        self.route.add_origin(url);
    }

    /// A question that is answered at this listener and nowhere else; at a shared one, only by a
    /// host that was shown.
    pub fn challenge(&self) -> Challenge {
        self.route.challenges.issue()
    }
}

impl Drop for PublicListener {
    fn drop(&mut self) {
        self.hosts.remove(&self.route);
        self.route.closed.cancel();
        self.route.scope.cancel();
    }
}
