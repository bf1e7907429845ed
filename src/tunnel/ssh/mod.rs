//! `ssh`, `localhost.run`, `pinggy`: the system's `ssh -R` as a program that is supervised.
//!
//! One program a tunnel. It is the user's own `ssh`, so `~/.ssh/config`, jump hosts, the agent and
//! keys on tokens work as they do by hand. One that ends has lost its tunnel, and the supervisor
//! starts the next.

mod announced_url;
mod arguments;
mod host_key;
mod identity;
mod login_check;
mod output;
mod server;

use std::{collections::HashMap, path::PathBuf, time::Duration};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use crate::{
    config::{SshPreset, SshSettings, credentials::SSH_AUTH_SOCK},
    model::{InstanceId, PublicUrl, TunnelKind},
    tunnel::{
        Capabilities, Check, Launch, Ledger, Programs, Provider, Report, Stop, Tools, TunnelError,
        TunnelSpec, Verdict, program, url_template,
    },
};
use announced_url::{may_improve, url_in};
use arguments::Forward;
use output::{OutputEvent, SshOutput};
use server::Server;

const NAME: &str = "ssh";
const HINT: &str = "install it with `sudo apt-get install openssh-client`";
/// After this long without a word, a server has said what it has to say.
const QUIET: Duration = Duration::from_secs(1);

/// How long each step may take.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Until TCP is connected.
    pub connect: Duration,
    /// From the start until the tunnel has a URL. The user's agent may ask its user first.
    pub answer: Duration,
    /// After this long without a word from the server it is asked for one, and again after as
    /// long. `ssh` counts in whole seconds.
    pub keepalive: Duration,
    /// How many of these questions may go without an answer.
    pub missed: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(40),
            keepalive: Duration::from_secs(4),
            missed: 2,
        }
    }
}

/// One of the kinds that are an ssh connection.
pub struct Ssh {
    kind: TunnelKind,
    tools: Tools,
    programs: Programs,
    timing: Timing,
    /// The port that each instance had last of a server that chooses: asked for first.
    before: Mutex<HashMap<InstanceId, u16>>,
}

/// What one attempt has to do with.
struct Attempt<'a> {
    server: &'a Server,
    spec: &'a TunnelSpec,
    report: &'a Report,
    stop: &'a Stop,
    ledger: &'a Ledger,
}

impl Ssh {
    pub fn new(kind: TunnelKind, tools: &Tools) -> Self {
        Self {
            kind,
            tools: tools.clone(),
            programs: Programs::new(tools),
            timing: Timing::default(),
            before: Mutex::default(),
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

    fn program(&self) -> Result<PathBuf, TunnelError> {
        program::find(NAME.as_ref(), self.tools.path.as_deref()).ok_or_else(|| {
            TunnelError::ProgramMissing {
                program: NAME.to_owned(),
                hint: HINT,
            }
        })
    }

    /// Where the ssh agent of the last command listens.
    fn agent_socket(&self) -> Option<PathBuf> {
        let socket = self.tools.credentials.get(SSH_AUTH_SOCK)?;
        Some(PathBuf::from(socket.reveal()))
    }

    fn launch(&self, server: &Server, forward: Option<&Forward>) -> Result<Launch, TunnelError> {
        let agent = self.agent_socket();
        identity::check_key(server, agent.as_deref())?;
        let mut launch = Launch::new(self.program()?);
        launch.args = arguments::of(server, forward, &self.timing)?;
        if let Some(socket) = agent {
            launch = launch.env("SSH_AUTH_SOCK", socket.to_string_lossy());
        }
        Ok(launch)
    }

    fn remembered_port(&self, spec: &TunnelSpec) -> Option<u16> {
        let before = self.before.lock();
        before.get(&spec.id).copied()
    }

    fn remember_port(&self, spec: &TunnelSpec, port: u16) {
        let mut before = self.before.lock();
        before.insert(spec.id.clone(), port);
    }

    /// Ask for the port of before where the server chooses, and for any other if it is gone.
    async fn attempt(&self, attempt: &Attempt<'_>) -> Result<(), TunnelError> {
        let forward = Forward::of(attempt.server, attempt.spec)?;
        let had = self.remembered_port(attempt.spec);
        // The services' own ports say nothing of the address.
        if forward.port == 0
            && attempt.server.preset == SshPreset::Plain
            && let Some(port) = had
        {
            let same = Forward {
                port,
                ..forward.clone()
            };
            match self.run(attempt, &same).await {
                Err(TunnelError::HostTaken { .. }) => {}
                ended => return ended,
            }
        }
        match self.run(attempt, &forward).await {
            // After a loss the server may not have noticed yet; that is no stranger's port.
            Err(TunnelError::HostTaken { host, .. })
                if forward.port != 0 && had == Some(forward.port) =>
            {
                Err(TunnelError::Unreachable {
                    what: format!("{host} at {}", attempt.server.label()),
                    why: "the server still keeps it for the connection that was lost".to_owned(),
                })
            }
            ended => ended,
        }
    }

    /// Start the program, and stay until the end of it.
    async fn run(&self, attempt: &Attempt<'_>, forward: &Forward) -> Result<(), TunnelError> {
        let launch = self.launch(attempt.server, Some(forward))?;
        let mut running = self.programs.start(attempt.ledger, launch).await?;
        let mut lines = running.lines();
        let mut following = Following {
            ssh_output: SshOutput::default(),
            up: None,
            candidate: None,
        };
        let left = tokio::select! {
            // What it said before it ended is read below.
            biased;
            () = attempt.stop.asked() => Some(Ok(())),
            () = running.ended() => None,
            error = self.follow(&mut lines, &mut following, attempt, forward) => Some(Err(error)),
        };
        let ended = running.end().await;
        if let Some(left) = left {
            return left;
        }
        while let Ok(line) = lines.try_recv() {
            following.ssh_output.take(&line);
        }
        Err(following
            .ssh_output
            .error(ended, attempt.server, forward, following.up.is_some()))
    }

    /// Report what the address is, as often as a new one is said. Returns only if there is none.
    async fn follow(
        &self,
        lines: &mut mpsc::Receiver<String>,
        following: &mut Following,
        attempt: &Attempt<'_>,
        forward: &Forward,
    ) -> TunnelError {
        let deadline = Instant::now() + self.timing.answer;
        loop {
            let until = deadline.min(Instant::now() + QUIET);
            let next = match following.up {
                Some(_) => Ok(lines.recv().await),
                None => timeout_at(until, lines.recv()).await,
            };
            let said = match next {
                Ok(Some(line)) => self.read_line(following, &line, attempt, forward),
                // It has closed its output, so it is about to end.
                Ok(None) => return std::future::pending().await,
                // What there is may be all.
                Err(_) => Ok(following.candidate.take()),
            };
            match said {
                Ok(Some(url)) => {
                    attempt.report.up(&url);
                    following.up = Some(url);
                }
                Ok(None) => {}
                Err(error) => return error,
            }
            if following.up.is_none() && Instant::now() >= deadline {
                return following
                    .ssh_output
                    .silent(attempt.server, self.timing.answer);
            }
        }
    }

    /// The URL that a line brings, be it by the port that the server listens on.
    fn read_line(
        &self,
        following: &mut Following,
        line: &str,
        attempt: &Attempt<'_>,
        forward: &Forward,
    ) -> Result<Option<PublicUrl>, TunnelError> {
        let port = match following.ssh_output.take(line) {
            OutputEvent::Forwarded if forward.port != 0 => forward.port,
            OutputEvent::Listens(0) | OutputEvent::Forwarded | OutputEvent::Other => {
                return Ok(None);
            }
            OutputEvent::Listens(port) => port,
            OutputEvent::Said => {
                let found = url_in(attempt.server.preset, line.trim());
                return Ok(match found {
                    Some(url) if may_improve(&url) => {
                        if following.up.is_none() {
                            following.candidate = Some(url);
                        }
                        None
                    }
                    found => found,
                });
            }
        };
        self.remember_port(attempt.spec, port);
        attempt.server.url(attempt.spec, port)
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
}

/// What was said on the way to a URL and after it.
struct Following {
    ssh_output: SshOutput,
    up: Option<PublicUrl>,
    /// One after which a better one may come.
    candidate: Option<PublicUrl>,
}

#[async_trait]
impl Provider for Ssh {
    fn kind(&self) -> TunnelKind {
        self.kind
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            stable_url: self.server().is_ok_and(|server| server.stable()),
            settle: Duration::ZERO,
            // A loss ends the attempt.
            heal: None,
        }
    }

    fn opening(&self) -> Option<Duration> {
        Some(self.timing.answer)
    }

    async fn check(&self, online: bool) -> Vec<Check> {
        if !self.is_set_up() {
            return vec![Check {
                fix: Some("set `[tunnels.ssh]` in the user's settings".to_owned()),
                ..self.found(Verdict::Absent, "`[tunnels.ssh]` is not set")
            }];
        }
        let server = match self.program().and_then(|_| self.server()) {
            Ok(server) => server,
            Err(error) => return vec![self.wrong(&error)],
        };
        let socket = self.agent_socket();
        let mut checks = vec![
            self.found(Verdict::Good, server.described()),
            match identity::describe_login(&server, socket.as_deref()) {
                Ok(detail) => self.found(Verdict::Good, detail),
                Err(error) => self.wrong(&error),
            },
        ];
        let good = checks.iter().all(|check| check.verdict == Verdict::Good);
        if online && good {
            checks.push(match self.probe(&server).await {
                Ok(detail) => self.found(Verdict::Good, detail),
                Err(error) => self.wrong(&error),
            });
        }
        checks
    }

    async fn hold(&self, spec: TunnelSpec, report: Report, stop: Stop) -> Result<(), TunnelError> {
        let server = self.server()?;
        // What the settings leave no hope for is said before anything is started.
        server.url(&spec, server.listen_port.unwrap_or(1))?;
        self.launch(&server, None)?;
        let ledger = self
            .programs
            .ledger(self.kind, spec.id.as_str(), vec![spec.id.clone()])
            .await?;
        let attempt = Attempt {
            server: &server,
            spec: &spec,
            report: &report,
            stop: &stop,
            ledger: &ledger,
        };
        let held = self.attempt(&attempt).await;
        let forgotten = ledger.forget().await;
        held.and(forgotten)
    }
}
