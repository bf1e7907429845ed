//! What a [`Manager`] is asked about tunnels.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{LifecycleError, Manager, Starting, instance::Command};
use crate::{
    model::{InstanceId, Name, TunnelKind, TunnelNow},
    store::TunnelCredentials,
    tunnel::{Given, Tunnels},
};

impl Manager {
    /// Give a running instance a public URL, or another one.
    pub async fn open_tunnel(
        &self,
        asked: &str,
        kind: Option<TunnelKind>,
    ) -> Result<Starting, LifecycleError> {
        let (id, handle) = self.find(asked)?;
        let cancel = handle.epoch.current().child_token();
        let (reply, outcome) = oneshot::channel();
        let (_, events) = handle.journal.follow();
        let command = Command::OpenTunnel {
            kind,
            cancel: cancel.clone(),
            reply,
        };
        let _ = handle.mailbox.send(command).await;
        Ok(Starting {
            id,
            events,
            outcome,
            cancel,
        })
    }

    /// Take an instance's public URL away. Says whether it had one.
    pub async fn close_tunnel(&self, asked: &str) -> Result<(Name, bool), LifecycleError> {
        let (_, handle) = self.find(asked)?;
        let name = handle.view.borrow().name.clone();
        let (reply, done) = oneshot::channel();
        let _ = handle.mailbox.send(Command::CloseTunnel { reply }).await;
        let was = done.await.map_err(|_| LifecycleError::ShuttingDown)??;
        Ok((name, was))
    }

    /// Every tunnel there is or is to be, by the instance's name.
    pub fn tunnels(&self) -> Vec<(InstanceId, Name, TunnelNow)> {
        let mut all: Vec<_> = self
            .lock()
            .iter()
            .filter_map(|(id, handle)| {
                let now = handle.tunnel.borrow().clone()?;
                Some((id.clone(), handle.view.borrow().name.clone(), now))
            })
            .collect();
        all.sort_by(|a, b| a.1.cmp(&b.1));
        all
    }

    pub fn tunnel_of(&self, id: &InstanceId) -> Option<TunnelNow> {
        self.lock()
            .get(id)
            .and_then(|handle| handle.tunnel.borrow().clone())
    }

    /// Lay a command's credentials over those that are known, and keep them for the next agent.
    pub async fn learn(&self, given: Given) -> Result<(), LifecycleError> {
        let credentials = self.house.tunnels.credentials();
        if !credentials.learn(given) {
            return Ok(());
        }
        let (store, known) = (self.house.store.clone(), credentials.given());
        tokio::task::spawn_blocking(move || {
            store.save_credentials(&TunnelCredentials {
                ngrok: known.ngrok,
                cloudflare: known.cloudflare,
            })
        })
        .await
        .map_err(|_| LifecycleError::ShuttingDown)??;
        Ok(())
    }

    /// What opens them.
    pub fn opener(&self) -> &Arc<Tunnels> {
        &self.house.tunnels
    }
}
