//! The tunnel of one instance: opened, watched and closed with it. It outlives restarts of the app
//! and new containers, so that the public URL stays.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{LifecycleError, instance::Instance, share::ShareWish, step::Step};
use crate::{
    gateway::Entrance,
    model::{
        Event, Phase, Problem, PublicUrl, TunnelChoice, TunnelKind, TunnelNow, TunnelState,
        UpOutcome, Verified,
    },
    tunnel::{Challenge, Doorway, Tunnel, Visit},
};

/// How long `up` waits for a URL: an attempt's 45 s, its settling, and 30 s of looking at it.
const PATIENCE: Duration = Duration::from_secs(90);

/// What an `up` comes to, as far as the tunnel goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// This host only.
    Off,
    /// The user says so: without it `up` has failed.
    Must(TunnelKind),
    /// Nobody said so: without it there is still the local URL.
    May(TunnelKind),
}

/// The tunnel that there is.
#[derive(Default)]
pub(super) enum Way {
    #[default]
    Closed,
    Open(Box<Opened>),
}

pub(super) struct Opened {
    tunnel: Tunnel,
    /// What readers see of it; goes on when the tunnel has failed.
    states: watch::Receiver<TunnelState>,
}

/// The gateway's end of it. Goes with the last who holds it, which the tunnel does.
struct Front(Entrance);

impl Doorway for Front {
    fn show(&self, url: &PublicUrl) {
        self.0.show(url);
    }

    fn challenge(&self) -> Challenge {
        let asked = self.0.challenge();
        Challenge {
            path: asked.path,
            answer: asked.answer,
        }
    }
}

impl Way {
    fn state(&self) -> Option<TunnelNow> {
        match self {
            Self::Closed => None,
            Self::Open(opened) => Some(TunnelNow {
                kind: opened.tunnel.kind,
                state: opened.states.borrow().clone(),
            }),
        }
    }

    /// The URL to show with the local one.
    pub(super) fn url(&self) -> Option<PublicUrl> {
        self.state().and_then(|now| now.state.url().cloned())
    }

    fn has_failed(&self) -> bool {
        self.state()
            .is_some_and(|now| matches!(now.state, TunnelState::Failed { .. }))
    }

    fn is_of(&self, kind: TunnelKind) -> bool {
        matches!(self, Self::Open(opened) if opened.tunnel.kind == kind)
    }

    /// Resolves when there is news of it.
    pub(super) async fn changed(&mut self) {
        if let Self::Open(opened) = self
            && opened.states.changed().await.is_ok()
        {
            return;
        }
        // Closed, or failed for good, which has been told.
        std::future::pending::<()>().await;
    }
}

impl Instance {
    /// What an `up` comes to. How the world gets to an owner's preview is for this host's user to
    /// say, not for a project's file; that it does not is for both.
    pub(super) fn tunnel_wish_of_up(&self, asked: Option<TunnelChoice>) -> Wish {
        if !self.may_have_tunnel() {
            return Wish::Off;
        }
        let is_own = self.record.owner.is_none();
        self.tunnel_wish(asked.filter(|asked| is_own || *asked == TunnelChoice::None))
    }

    fn may_have_tunnel(&self) -> bool {
        self.record.owner.is_none() || self.house.settings.owners.tunnels
    }

    /// What the user's word, the user's settings and this host come to, in this order.
    pub(super) fn tunnel_wish(&self, asked: Option<TunnelChoice>) -> Wish {
        let said = asked.or(self.house.settings.tunnel);
        if let (None, Some(kind)) = (said, self.record.tunnel) {
            return Wish::May(kind);
        }
        let chosen = self.house.tunnels.choose(said);
        if let Some(notice) = chosen.notice
            && self.house.is_news(notice)
        {
            Step::skip(&self.journal, "tunnel", notice.text());
        }
        match (said, chosen.kind) {
            (_, None) => Wish::Off,
            (Some(_), Some(kind)) => Wish::Must(kind),
            (None, Some(kind)) => Wish::May(kind),
        }
    }

    /// Have the tunnel that is wished for, and its URL. Says whether anything had to be done.
    pub(super) async fn have_tunnel(
        &mut self,
        wish: Wish,
        cancel: &CancellationToken,
    ) -> Result<bool, LifecycleError> {
        let kind = match wish {
            Wish::Off => return self.close_tunnel().await,
            Wish::Must(kind) | Wish::May(kind) => kind,
        };
        if self.way.is_of(kind) && self.way.url().is_some() {
            return Ok(false);
        }
        let before = self.record.tunnel.filter(|before| *before != kind);
        let journal = self.journal.clone();
        let step = Step::start(&journal, "tunnel", format!("opening a {kind} tunnel"));
        let opened = async {
            if !self.way.is_of(kind) || self.way.has_failed() {
                self.open_tunnel(kind).await?;
            }
            self.tunnel_is_ready(cancel).await
        };
        let opened = step.end(opened.await);
        match (opened, wish) {
            (Ok(()), _) => {
                self.tunnel_moved().await;
                Ok(true)
            }
            (Err(LifecycleError::ShuttingDown), _) => Err(LifecycleError::ShuttingDown),
            (Err(error), Wish::May(_)) if !matches!(error, LifecycleError::Cancelled { .. }) => {
                self.tell_no_url(&error.problem(), "no public URL");
                self.close_tunnel().await
            }
            (Err(error), _) => {
                self.close_tunnel().await?;
                // Who asked for another way in did not ask to lose the one there was.
                self.record.tunnel = before;
                self.reopen_tunnel().await;
                Err(error)
            }
        }
    }

    /// Begin to open a tunnel in place of the one there is. What becomes of it comes as news.
    pub(super) async fn open_tunnel(&mut self, kind: TunnelKind) -> Result<(), LifecycleError> {
        match std::mem::take(&mut self.way) {
            Way::Closed => {}
            Way::Open(opened) if opened.tunnel.kind == kind => opened.tunnel.end().await,
            Way::Open(opened) => opened.tunnel.close().await,
        }
        // Before anything is made, so that the next agent knows of it.
        self.record.tunnel = Some(kind);
        self.save().await?;
        let port = self.house.tunnels.port(kind);
        let gate = self.sharing.gate().await?;
        let entrance = self.house.entrances.open(&self.record.name, port, gate)?;
        let target = entrance.addr();
        let tunnel = self.house.tunnels.open(
            kind,
            Visit {
                id: self.record.id.clone(),
                name: self.record.name.clone(),
                target,
                doorway: Arc::new(Front(entrance)),
            },
        )?;
        let states = tunnel.states.clone();
        self.way = Way::Open(Box::new(Opened { tunnel, states }));
        self.show_tunnel();
        Ok(())
    }

    /// At a user's word, beside a running app.
    pub(super) async fn start_tunnel(
        &mut self,
        kind: Option<TunnelKind>,
        cancel: &CancellationToken,
    ) -> Result<UpOutcome, LifecycleError> {
        if !matches!(self.record.phase, Phase::Ready { .. }) {
            return Err(LifecycleError::not_running(&self.record));
        }
        let wish = match kind {
            Some(kind) => self.tunnel_wish(Some(TunnelChoice::Kind(kind))),
            None => self.tunnel_wish(None),
        };
        let wish = match wish {
            Wish::May(kind) | Wish::Must(kind) => Wish::Must(kind),
            Wish::Off => return Err(LifecycleError::NoTunnelChosen),
        };
        let changed = self.have_tunnel(wish, cancel).await?;
        Ok(self.outcome(changed, ShareWish::AsItIs).await)
    }

    /// After another agent's life, or a new start that nobody waits for: have the tunnel that was.
    pub(super) async fn reopen_tunnel(&mut self) {
        let Some(kind) = self.record.tunnel else {
            return;
        };
        if self.way.is_of(kind) {
            return;
        }
        let done = if self.may_have_tunnel() {
            self.open_tunnel(kind).await
        } else {
            // One that the host's user opened, or that was allowed before, ends with its agent.
            self.close_tunnel().await.map(drop)
        };
        if let Err(error) = done {
            self.tell_no_url(&error.problem(), "no public URL");
        }
    }

    pub(super) fn tell_no_url(&self, problem: &Problem, what: &str) {
        self.journal.tell(Event::Warning {
            message: format!("{what}: {}", problem.message),
            hint: problem.hint.clone(),
        });
    }

    /// Close it for good. Says whether there was one.
    pub(super) async fn close_tunnel(&mut self) -> Result<bool, LifecycleError> {
        let was = self.record.tunnel.take().is_some();
        match std::mem::take(&mut self.way) {
            Way::Open(opened) => opened.tunnel.close().await,
            // This agent never came to open it; an earlier one may have left something.
            Way::Closed if was => {
                if let Err(error) = self.house.tunnels.release(&self.record.id).await {
                    self.tell_no_url(&error.problem(), "something is left at the provider");
                }
            }
            Way::Closed => {}
        }
        self.record.public_url = None;
        self.show_tunnel();
        if was {
            self.record.phase.hide_public();
            self.save().await?;
        }
        Ok(was)
    }

    /// Wait until there is a URL, or until there will be none in time.
    async fn tunnel_is_ready(&mut self, cancel: &CancellationToken) -> Result<(), LifecycleError> {
        let Way::Open(opened) = &mut self.way else {
            return Err(LifecycleError::ShuttingDown);
        };
        let stopping = self.scope.token();
        let until = Instant::now() + PATIENCE;
        loop {
            match &*opened.states.borrow_and_update() {
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
                changed = timeout_at(until, opened.states.changed()) => match changed {
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

    /// Tell what became of the tunnel, and keep the URL that is shown true.
    pub(super) async fn tunnel_moved(&mut self) {
        self.show_tunnel();
        let Some(TunnelNow { kind, state }) = self.way.state() else {
            return;
        };
        let shown = match state {
            TunnelState::Opening => None,
            TunnelState::Ready { url, verified } => {
                self.tunnel_ready(kind, &url, verified);
                Some(url)
            }
            TunnelState::Down { why, url } => {
                self.journal.tell(Event::TunnelDown { kind, why });
                Some(url)
            }
            // Nobody can tell whether it comes back with the same URL.
            TunnelState::Waiting { problem, .. } => {
                let why = problem.message;
                self.journal.tell(Event::TunnelDown { kind, why });
                None
            }
            TunnelState::Failed { problem } => {
                let why = problem.message.clone();
                self.journal.tell(Event::TunnelDown { kind, why });
                self.tell_no_url(&problem, &format!("the {kind} tunnel is closed"));
                None
            }
        };
        if let Err(error) = self.show_public_url(shown).await {
            tracing::error!(instance = %self.record.id, %error, "the record is stale");
        }
    }

    fn tunnel_ready(&mut self, kind: TunnelKind, url: &PublicUrl, verified: Verified) {
        if let Verified::Unverified { reason } = &verified {
            self.journal.tell(Event::Warning {
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
            self.journal.tell(Event::TunnelUrlChanged {
                old,
                new: url.clone(),
            });
        }
        self.journal.tell(Event::TunnelReady {
            kind,
            url: url.clone(),
            verified,
        });
    }

    /// Put the URL into the phase, if that has any.
    async fn show_public_url(&mut self, url: Option<PublicUrl>) -> Result<(), LifecycleError> {
        match &mut self.record.phase {
            Phase::Ready { urls, .. } | Phase::Paused { urls, .. } if urls.public != url => {
                urls.public = url;
            }
            _ => return Ok(()),
        }
        self.save().await
    }

    fn show_tunnel(&self) {
        self.tunnel_view.send_replace(self.way.state());
    }
}
