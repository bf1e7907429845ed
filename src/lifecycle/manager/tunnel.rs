//! What a [`Manager`] is asked about tunnels.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{
    lifecycle::{LifecycleError, Manager, PendingStart, instance::Command},
    model::{InstanceId, Name, TunnelKind, TunnelStatus},
    tunnel::Tunnels,
};

impl Manager {
    /// Give a running instance a public URL, or another one.
    pub async fn open_tunnel(
        &self,
        asked: &str,
        kind: Option<TunnelKind>,
    ) -> Result<PendingStart, LifecycleError> {
        let (id, handle) = self.lookup(asked)?;
        let cancel = handle.attempt.current().child_token();
        let (reply, outcome) = oneshot::channel();
        let (_, events) = handle.journal.follow();
        let command = Command::OpenTunnel {
            kind,
            cancel: cancel.clone(),
            reply,
        };
        let _ = handle.mailbox.send(command).await;
        Ok(PendingStart {
            id,
            events,
            outcome,
            cancel,
        })
    }

    /// Take an instance's public URL away. Says whether it had one.
    pub async fn close_tunnel(&self, asked: &str) -> Result<(Name, bool), LifecycleError> {
        let (_, handle) = self.lookup(asked)?;
        let name = handle.view.borrow().name.clone();
        let (reply, done) = oneshot::channel();
        let _ = handle.mailbox.send(Command::CloseTunnel { reply }).await;
        let was = done.await.map_err(|_| LifecycleError::ShuttingDown)??;
        Ok((name, was))
    }

    /// Every tunnel there is or is to be, by the instance's name.
    pub fn tunnels(&self) -> Vec<(InstanceId, Name, TunnelStatus)> {
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

    pub fn tunnel_of(&self, id: &InstanceId) -> Option<TunnelStatus> {
        self.lock()
            .get(id)
            .and_then(|handle| handle.tunnel.borrow().clone())
    }

    /// What opens them.
    pub fn tunnel_service(&self) -> &Arc<Tunnels> {
        &self.context.tunnels
    }
}
