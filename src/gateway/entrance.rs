//! Entrances: listeners at which whoever comes through a tunnel arrives.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::net::TcpListener;

use crate::{
    model::{Name, PublicUrl},
    task::Scope,
};

use super::{
    challenge::Challenge,
    door::{Door, Hall, Side},
    error::GatewayError,
    gate::Gate,
    lobby::{Hosted, Lobby},
    route::Routes,
};

/// Opens entrances. Clones share it.
#[derive(Clone)]
pub struct Entrances {
    hall: Arc<Hall>,
    /// By port. Whoever holds the lock knows which of these ports is listened on.
    shared: Arc<Mutex<HashMap<u16, Arc<Lobby>>>>,
}

impl Entrances {
    /// They end with the scope. `port` is the gateway's: apps are told that they are visited there.
    pub fn new(routes: Routes, port: u16, scope: &Scope) -> Self {
        Self {
            hall: Arc::new(Hall::new(routes, port, scope.child())),
            shared: Arc::default(),
        }
    }

    pub(super) fn hall(&self) -> &Arc<Hall> {
        &self.hall
    }

    /// Listen for the visitors of one instance: at a free port that is its own, or at a given one
    /// that every instance may share. Its gate says who of them may come in. Has to be called
    /// within a runtime.
    pub fn open(
        &self,
        name: &Name,
        port: Option<u16>,
        gate: &Arc<Gate>,
    ) -> Result<Entrance, GatewayError> {
        let scope = self.hall.scope.child();
        let hosted = Hosted::new(name.clone(), Arc::clone(gate), scope);
        let lobby = match port {
            None => self.open_own(&hosted).map_err(GatewayError::Entrance)?,
            Some(port) => self
                .open_shared(port, &hosted)
                .map_err(|source| GatewayError::EntrancePort { port, source })?,
        };
        let watched = Arc::clone(gate).watch(hosted.scope.clone());
        self.hall.scope.spawn(watched);
        Ok(Entrance { lobby, hosted })
    }

    fn open_own(&self, hosted: &Arc<Hosted>) -> io::Result<Arc<Lobby>> {
        let (listener, port) = listen(0)?;
        let lobby = Lobby::new(port, true);
        lobby.add(Arc::clone(hosted));
        let door = self.door(&lobby, hosted.scope.clone());
        self.hall
            .scope
            .spawn(async move { door.accept(&listener).await });
        Ok(lobby)
    }

    fn open_shared(&self, port: u16, hosted: &Arc<Hosted>) -> io::Result<Arc<Lobby>> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lobby) = shared.get(&port) {
            lobby.add(Arc::clone(hosted));
            return Ok(Arc::clone(lobby));
        }
        let (listener, port) = listen(port)?;
        let lobby = Lobby::new(port, false);
        lobby.add(Arc::clone(hosted));
        shared.insert(port, Arc::clone(&lobby));
        let keeper = self.clone();
        let door = self.door(&lobby, self.hall.scope.child());
        let inside = Arc::clone(&lobby);
        self.hall
            .scope
            .spawn(async move { keeper.keep(listener, &door, &inside).await });
        Ok(lobby)
    }

    /// Listen until nobody is there for whom to. The listener closes under the lock, so that the
    /// next one to open this port finds it open or free.
    async fn keep(&self, listener: TcpListener, door: &Arc<Door>, lobby: &Lobby) {
        let mut shared = {
            let mut accepting = std::pin::pin!(door.accept(&listener));
            loop {
                let ended = tokio::select! {
                    () = &mut accepting => true,
                    () = lobby.emptied.notified() => false,
                };
                let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                if ended || lobby.is_empty() {
                    break shared;
                }
            }
        };
        drop(listener);
        shared.remove(&lobby.port());
        door.scope.cancel();
    }

    fn door(&self, lobby: &Arc<Lobby>, scope: Scope) -> Arc<Door> {
        let side = Side::Outside(Arc::clone(lobby));
        Arc::new(Door::new(&self.hall, side, scope))
    }
}

/// Only IPv4: tunnel programs are told this address, and not a name.
fn listen(port: u16) -> io::Result<(TcpListener, u16)> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let port = listener.local_addr()?.port();
    listener.set_nonblocking(true)?;
    Ok((TcpListener::from_std(listener)?, port))
}

/// The way in for the visitors of one instance. Dropping it closes it for them, those who are in
/// included.
pub struct Entrance {
    lobby: Arc<Lobby>,
    hosted: Arc<Hosted>,
}

impl Entrance {
    /// Where a tunnel has to lead.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.lobby.port()).into()
    }

    /// Take the visitors of this host from now on, besides those of earlier ones.
    pub fn show(&self, url: &PublicUrl) {
        self.hosted.show(url);
    }

    /// A question that is answered at this entrance and nowhere else; at a shared one, only by a
    /// host that was shown.
    pub fn challenge(&self) -> Challenge {
        self.hosted.challenges.pose()
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        self.lobby.remove(&self.hosted);
        self.hosted.closed.cancel();
        self.hosted.scope.cancel();
    }
}
