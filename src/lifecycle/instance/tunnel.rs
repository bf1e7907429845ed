//! The tunnel of one instance: opened, watched and closed with it. It outlives restarts of the app
//! and new containers, so that the public URL stays.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{
    Instance,
    events::step::Step,
    share::ShareRequest,
    tunnel_slot::{GatewayEndpoint, OpenTunnel, TunnelSlot},
};
use crate::{
    lifecycle::LifecycleError,
    model::{
        Event, Phase, Plan, Problem, PublicUrl, TunnelChoice, TunnelKind, TunnelState,
        TunnelStatus, UpOutcome, Verification,
    },
    tunnel::TunnelTarget,
};

/// How long `up` waits for a URL: an attempt's 45 s, its settling, and 30 s of looking at it.
const PATIENCE: Duration = Duration::from_secs(90);

/// What an `up` comes to, as far as the tunnel goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lifecycle) enum TunnelRequest {
    /// This host only.
    Off,
    /// The user says so: without it `up` has failed.
    Required(TunnelKind),
    /// Nobody said so: without it there is still the local URL.
    Optional(TunnelKind),
}

impl Instance {
    /// What an `up` comes to. How the world gets to an owner's preview is for this host's user to
    /// say, not for a project's file; that it does not is for both.
    pub(in crate::lifecycle) fn tunnel_request_of_up(
        &self,
        asked: Option<TunnelChoice>,
        plan: &Plan,
    ) -> TunnelRequest {
        // Where nobody asks for one, what has no page needs no URL.
        let is_pointless = asked.is_none() && !plan.run.listens;
        if is_pointless || !self.may_have_tunnel() {
            return TunnelRequest::Off;
        }
        let is_own = self.record.owner.is_none();
        self.tunnel_request(asked.filter(|asked| is_own || *asked == TunnelChoice::None))
    }

    fn may_have_tunnel(&self) -> bool {
        self.record.owner.is_none() || self.context.settings.owners.tunnels
    }

    /// What the user's word, the user's settings and this host come to, in this order.
    pub(in crate::lifecycle) fn tunnel_request(
        &self,
        asked: Option<TunnelChoice>,
    ) -> TunnelRequest {
        let requested = asked.or(self.context.settings.tunnel);
        if let (None, Some(kind)) = (requested, self.record.tunnel) {
            return TunnelRequest::Optional(kind);
        }
        let chosen = self.context.tunnels.choose(requested);
        if let Some(notice) = chosen.notice
            && self.context.is_new_notice(notice)
        {
            Step::skip(&self.journal, "tunnel", notice.text());
        }
        match (requested, chosen.kind) {
            (_, None) => TunnelRequest::Off,
            (Some(_), Some(kind)) => TunnelRequest::Required(kind),
            (None, Some(kind)) => TunnelRequest::Optional(kind),
        }
    }

    /// Have the tunnel that is requested, and its URL. Says whether anything had to be done.
    pub(in crate::lifecycle) async fn ensure_tunnel(
        &mut self,
        request: TunnelRequest,
        cancel: &CancellationToken,
    ) -> Result<bool, LifecycleError> {
        let kind = match request {
            TunnelRequest::Off => return self.close_tunnel().await,
            TunnelRequest::Required(kind) | TunnelRequest::Optional(kind) => kind,
        };
        if self.tunnel_slot.is_of(kind) && self.tunnel_slot.url().is_some() {
            return Ok(false);
        }
        let before = self.record.tunnel.filter(|before| *before != kind);
        let journal = self.journal.clone();
        let step = Step::start(&journal, "tunnel", format!("opening a {kind} tunnel"));
        let open = async {
            if !self.tunnel_slot.is_of(kind) || self.tunnel_slot.has_failed() {
                self.open_tunnel(kind).await?;
            }
            self.tunnel_is_ready(cancel).await
        };
        let open = step.end(open.await);
        match (open, request) {
            (Ok(()), _) => {
                self.tunnel_changed().await;
                Ok(true)
            }
            (Err(LifecycleError::ShuttingDown), _) => Err(LifecycleError::ShuttingDown),
            (Err(error), TunnelRequest::Optional(_))
                if !matches!(error, LifecycleError::Cancelled { .. }) =>
            {
                self.warn_no_url(&error.problem(), "no public URL");
                self.close_tunnel().await
            }
            (Err(error), _) => {
                self.close_tunnel().await?;
                // A request for another tunnel is no request to lose the one there was.
                self.record.tunnel = before;
                self.reopen_tunnel().await;
                Err(error)
            }
        }
    }

    /// Begin to open a tunnel in place of the one there is. The outcome comes as a change of its state.
    pub(in crate::lifecycle) async fn open_tunnel(
        &mut self,
        kind: TunnelKind,
    ) -> Result<(), LifecycleError> {
        match std::mem::take(&mut self.tunnel_slot) {
            TunnelSlot::Closed => {}
            TunnelSlot::Open(open) if open.tunnel.kind == kind => open.tunnel.end().await,
            TunnelSlot::Open(open) => open.tunnel.close().await,
        }
        // Before anything is made, so that the next agent knows of it.
        self.record.tunnel = Some(kind);
        self.save().await?;
        let port = self.context.tunnels.port(kind);
        let policy = self.sharing.policy().await?;
        let listener = self
            .context
            .public_listeners
            .open(&self.record.name, port, policy)?;
        let target = listener.addr();
        let tunnel = self.context.tunnels.open(
            kind,
            TunnelTarget {
                id: self.record.id.clone(),
                name: self.record.name.clone(),
                target,
                endpoint: Arc::new(GatewayEndpoint(listener)),
            },
        )?;
        let states = tunnel.states.clone();
        self.tunnel_slot = TunnelSlot::Open(Box::new(OpenTunnel { tunnel, states }));
        self.show_tunnel();
        Ok(())
    }

    /// At a user's word, beside a running app.
    pub(in crate::lifecycle) async fn start_tunnel(
        &mut self,
        kind: Option<TunnelKind>,
        cancel: &CancellationToken,
    ) -> Result<UpOutcome, LifecycleError> {
        if !matches!(self.record.phase, Phase::Ready { .. }) {
            return Err(LifecycleError::not_running(&self.record));
        }
        let request = match kind {
            Some(kind) => self.tunnel_request(Some(TunnelChoice::Kind(kind))),
            None => self.tunnel_request(None),
        };
        let request = match request {
            TunnelRequest::Optional(kind) | TunnelRequest::Required(kind) => {
                TunnelRequest::Required(kind)
            }
            TunnelRequest::Off => return Err(LifecycleError::NoTunnelChosen),
        };
        let changed = self.ensure_tunnel(request, cancel).await?;
        Ok(self.outcome(changed, ShareRequest::AsItIs).await)
    }

    /// After another agent's life, or a new start that nobody waits for: have the tunnel that was.
    pub(in crate::lifecycle) async fn reopen_tunnel(&mut self) {
        let Some(kind) = self.record.tunnel else {
            return;
        };
        if self.tunnel_slot.is_of(kind) {
            return;
        }
        let done = if self.may_have_tunnel() {
            self.open_tunnel(kind).await
        } else {
            // One that the host's user opened, or that was allowed before, ends with its agent.
            self.close_tunnel().await.map(drop)
        };
        if let Err(error) = done {
            self.warn_no_url(&error.problem(), "no public URL");
        }
    }

    pub(in crate::lifecycle) fn warn_no_url(&self, problem: &Problem, what: &str) {
        self.journal.emit(Event::Warning {
            message: format!("{what}: {}", problem.message),
            hint: problem.hint.clone(),
        });
    }

    /// Close it for good. Says whether there was one.
    pub(in crate::lifecycle) async fn close_tunnel(&mut self) -> Result<bool, LifecycleError> {
        let was = self.record.tunnel.take().is_some();
        match std::mem::take(&mut self.tunnel_slot) {
            TunnelSlot::Open(open) => open.tunnel.close().await,
            // This agent never came to open it; an earlier one may have left something.
            TunnelSlot::Closed if was => {
                if let Err(error) = self.context.tunnels.release(&self.record.id).await {
                    self.warn_no_url(&error.problem(), "something is left at the provider");
                }
            }
            TunnelSlot::Closed => {}
        }
        self.record.public_url = None;
        self.show_tunnel();
        if was {
            self.project_state();
            self.save().await?;
        }
        Ok(was)
    }

    /// Wait until there is a URL, or until there will be none in time.
    async fn tunnel_is_ready(&mut self, cancel: &CancellationToken) -> Result<(), LifecycleError> {
        let TunnelSlot::Open(open) = &mut self.tunnel_slot else {
            return Err(LifecycleError::ShuttingDown);
        };
        let stopping = self.scope.token();
        let until = Instant::now() + PATIENCE;
        loop {
            match &*open.states.borrow_and_update() {
                TunnelState::Ready { .. } => return Ok(()),
                TunnelState::Failed { problem } => {
                    return Err(LifecycleError::Tunnel {
                        problem: problem.clone(),
                    });
                }
                TunnelState::Waiting { problem, wait_ms }
                    if Instant::now() + Duration::from_millis(*wait_ms) >= until =>
                {
                    return Err(LifecycleError::Tunnel {
                        problem: problem.clone(),
                    });
                }
                TunnelState::Opening | TunnelState::Waiting { .. } | TunnelState::Down { .. } => {}
            }
            tokio::select! {
                changed = timeout_at(until, open.states.changed()) => match changed {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Err(LifecycleError::ShuttingDown),
                    Err(_) => return Err(LifecycleError::TunnelTimedOut { waited: PATIENCE }),
                },
                () = cancel.cancelled() => {
                    return Err(LifecycleError::Cancelled { name: self.record.name.to_string() });
                }
                () = stopping.cancelled() => return Err(LifecycleError::ShuttingDown),
            }
        }
    }

    /// Emit what became of the tunnel, and keep the URL that is shown true.
    pub(in crate::lifecycle) async fn tunnel_changed(&mut self) {
        self.show_tunnel();
        let Some(TunnelStatus { kind, state }) = self.tunnel_slot.state() else {
            return;
        };
        match state {
            TunnelState::Opening => {}
            TunnelState::Ready { url, verified } => self.tunnel_ready(kind, &url, verified),
            TunnelState::Down { why, .. } => self.journal.emit(Event::TunnelDown { kind, why }),
            TunnelState::Waiting { problem, .. } => {
                let why = problem.message;
                self.journal.emit(Event::TunnelDown { kind, why });
            }
            TunnelState::Failed { problem } => {
                let why = problem.message.clone();
                self.journal.emit(Event::TunnelDown { kind, why });
                self.warn_no_url(&problem, &format!("the {kind} tunnel is closed"));
            }
        }
        if let Err(error) = self.publish_urls().await {
            tracing::error!(instance = %self.record.id, %error, "the record is stale");
        }
    }

    fn tunnel_ready(&mut self, kind: TunnelKind, url: &PublicUrl, verified: Verification) {
        if let Verification::Unverified { reason } = &verified {
            self.journal.emit(Event::Warning {
                message: format!("{url} is not verified: {reason}"),
                hint: Some(
                    "it may still work for others; `codemate-preview tunnel ls` looks on"
                        .to_owned(),
                ),
            });
        }
        if let Some(old) = self.record.public_url.replace(url.clone())
            && old != *url
        {
            self.journal.emit(Event::TunnelUrlChanged {
                old,
                new: url.clone(),
            });
        }
        self.journal.emit(Event::TunnelReady {
            kind,
            url: url.clone(),
            verified,
        });
    }

    fn show_tunnel(&self) {
        self.tunnel_view.send_replace(self.tunnel_slot.state());
    }
}
