//! `ssh`, `localhost.run`, `pinggy`: what `ssh -R` does, in process.
//!
//! One connection a tunnel. A lost one is said to be lost, and the supervisor opens the next.

mod forward;
mod identity;
mod known_hosts;
mod said;
mod server;
mod session;
mod visitors;
mod wire;

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use tokio::time::timeout;

use super::{Check, Order, Provider, Report, Stop, Tools, Traits, TunnelError, Verdict, template};
use crate::{config::SshSettings, model::TunnelKind};
use forward::{Asking, Before};
use identity::Identity;
use server::Server;
use session::Session;
use visitors::Visitors;
use wire::{Watched, Wire};

/// How long each step may take.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Until TCP is connected.
    pub connect: Duration,
    /// Until the server has let us in. An agent may ask its user first.
    pub login: Duration,
    /// Until it listens, and again until it has said its address.
    pub answer: Duration,
    /// After this long without a word from the server it is asked for one, and again after as
    /// long.
    pub keepalive: Duration,
    /// How many of these questions may go without an answer.
    pub missed: usize,
    /// How long a visitor's data may wait for the gateway to take any of it. All visitors share
    /// one connection, and it stands still for one who does; so this has to be shorter than the
    /// silence that counts as a loss.
    pub stall: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            login: Duration::from_secs(20),
            answer: Duration::from_secs(20),
            keepalive: Duration::from_secs(4),
            missed: 2,
            stall: Duration::from_secs(8),
        }
    }
}

impl Timing {
    /// A server that was not heard for this long is gone.
    fn silence(&self) -> Duration {
        let questions = u32::try_from(self.missed).unwrap_or(u32::MAX);
        self.keepalive.saturating_mul(questions.saturating_add(1))
    }
}

/// How long goodbyes may take.
const LEAVING: Duration = Duration::from_secs(2);

/// One of the kinds that are an ssh connection.
pub struct Ssh {
    kind: TunnelKind,
    tools: Tools,
    timing: Timing,
    before: Before,
}

impl Ssh {
    pub fn new(kind: TunnelKind, tools: &Tools) -> Self {
        Self {
            kind,
            tools: tools.clone(),
            timing: Timing::default(),
            before: Before::default(),
        }
    }

    #[must_use]
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    fn server(&self) -> Result<Server, TunnelError> {
        Server::of(self.kind, &self.tools)
    }

    fn choices(&self, server: &Server) -> Result<Vec<Identity>, TunnelError> {
        identity::choose(server, self.tools.ssh_auth_sock.as_deref())
    }

    /// Log in, listen, and stay until the end of it.
    async fn stay(
        &self,
        held: &Held<'_>,
        stream: Watched,
        visitors: Visitors,
    ) -> Result<(), TunnelError> {
        let Held { server, order, .. } = held;
        let choices = self.choices(server)?;
        let session = Session::open(server, &self.timing, &choices, stream, Some(visitors)).await?;
        let asking = Asking {
            server,
            session: &session,
            order,
            timing: &self.timing,
        };
        let (listening, channel) = asking.open(&self.before).await?;
        if let Some(url) = server.url(order, listening.port)? {
            held.report.up(&url);
        }
        let told = async {
            match channel {
                Some(channel) => asking.follow(channel, held.report).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            () = held.stop.asked() => Ok(()),
            // The session's own task may know why.
            () = held.wire.gone() => Err(TunnelError::Lost { why: session.fate.why() }),
            error = told => Err(error),
        };
        if ended.is_ok() {
            let leave = async {
                asking.cancel(&listening.address, listening.port).await;
                session.leave().await;
            };
            let _ = timeout(LEAVING, leave).await;
        }
        ended
    }

    /// Connect and log in, and no more.
    async fn probe(&self, server: &Server) -> Result<String, TunnelError> {
        let choices = self.choices(server)?;
        let (wire, stream) = session::dial(server, &self.timing).await?;
        let session = Session::open(server, &self.timing, &choices, stream, None).await;
        if let Ok(session) = &session {
            let _ = timeout(LEAVING, session.leave()).await;
        }
        let _ = timeout(LEAVING, wire.cut()).await;
        let key = session?.host_key;
        Ok(format!(
            "`{}` lets `{}` in; its key is {key}",
            server.label(),
            server.user
        ))
    }

    fn is_set_up(&self) -> bool {
        self.kind != TunnelKind::Ssh || self.tools.settings.ssh != SshSettings::default()
    }

    fn found(&self, verdict: Verdict, detail: impl Into<String>) -> Check {
        Check {
            kind: self.kind,
            verdict,
            detail: detail.into(),
            fix: None,
        }
    }

    fn wrong(&self, error: &TunnelError) -> Check {
        Check {
            fix: error.problem().hint,
            ..self.found(Verdict::Bad, error.to_string())
        }
    }

    fn check_identity(&self, server: &Server) -> Check {
        if let Some(path) = &server.key {
            return match identity::load(path) {
                Ok(_) => self.found(Verdict::Good, format!("the key `{}`", path.display())),
                Err(error) => self.wrong(&error),
            };
        }
        match self.tools.ssh_auth_sock.as_deref() {
            _ if server.open_to_all => self.found(Verdict::Good, "no key is needed"),
            Some(socket) if is_socket(socket) => self.found(
                Verdict::Good,
                format!("the keys of the agent at `{}`", socket.display()),
            ),
            Some(socket) => Check {
                fix: Some("start an agent, or name a key as `tunnels.ssh.key`".to_owned()),
                ..self.found(
                    Verdict::Bad,
                    format!("there is no agent at `{}`", socket.display()),
                )
            },
            None => Check {
                fix: Some("name a key as `tunnels.ssh.key`, or start an agent".to_owned()),
                ..self.found(Verdict::Bad, "there is no key and no agent")
            },
        }
    }
}

/// What one attempt has to do with.
struct Held<'a> {
    server: &'a Server,
    order: &'a Order,
    report: &'a Report,
    stop: &'a Stop,
    wire: &'a Wire,
}

#[async_trait]
impl Provider for Ssh {
    fn kind(&self) -> TunnelKind {
        self.kind
    }

    fn traits(&self) -> Traits {
        Traits {
            stable_url: self.server().is_ok_and(|server| server.stable()),
            settle: Duration::ZERO,
            // A loss ends the attempt.
            heal: None,
        }
    }

    async fn check(&self, online: bool) -> Vec<Check> {
        if !self.is_set_up() {
            return vec![Check {
                fix: Some("set `[tunnels.ssh]` in the user's settings".to_owned()),
                ..self.found(Verdict::Absent, "`[tunnels.ssh]` is not set")
            }];
        }
        let server = match self.server() {
            Ok(server) => server,
            Err(error) => return vec![self.wrong(&error)],
        };
        let mut checks = vec![self.found(
            Verdict::Good,
            format!("`{}` at `{}`", server.user, server.label()),
        )];
        checks.push(self.check_identity(&server));
        let good = checks.iter().all(|check| check.verdict == Verdict::Good);
        if online && good {
            checks.push(match self.probe(&server).await {
                Ok(detail) => self.found(Verdict::Good, detail),
                Err(error) => self.wrong(&error),
            });
        }
        checks
    }

    async fn hold(&self, order: Order, report: Report, stop: Stop) -> Result<(), TunnelError> {
        let server = self.server()?;
        // What the settings leave no hope for is said before anything is connected.
        server.url(&order, server.listen_port.unwrap_or(1))?;
        let (wire, stream) = tokio::select! {
            () = stop.asked() => return Ok(()),
            dialled = session::dial(&server, &self.timing) => dialled?,
        };
        let visitors = Visitors::new(order.target, self.timing.stall, self.tools.scope.child());
        let held = Held {
            server: &server,
            order: &order,
            report: &report,
            stop: &stop,
            wire: &wire,
        };
        let ended = tokio::select! {
            ended = self.stay(&held, stream, visitors.clone()) => ended,
            () = wire.silent(self.timing.silence()) => Err(TunnelError::Lost {
                why: format!(
                    "the server was not heard for {}",
                    humantime::format_duration(self.timing.silence())
                ),
            }),
        };
        visitors.end().await;
        let _ = timeout(LEAVING, wire.cut()).await;
        match ended {
            Err(_) if stop.is_asked() => Ok(()),
            ended => ended,
        }
    }
}

fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    std::fs::metadata(path).is_ok_and(|about| about.file_type().is_socket())
}
