//! `Event`: what happens to an instance, as told on streams; `api` adds the envelope.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{
    AppAnswer, BuildProgress, Candidate, LogLine, OpenPort, PhaseKind, Plan, Problem, PublicUrl,
    Secret, TunnelKind, Verification, VersionChoice,
};

/// Readers skip kinds they do not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// First on every stream.
    #[serde(rename = "hello")]
    Hello { version: String, api: u32, pid: u32 },
    #[serde(rename = "detect")]
    Detect(Box<DetectReport>),
    #[serde(rename = "step")]
    Step(StepUpdate),
    #[serde(rename = "sync")]
    Sync(SyncReport),
    #[serde(rename = "state")]
    State {
        from: Option<PhaseKind>,
        to: Option<PhaseKind>,
    },
    #[serde(rename = "port")]
    Port(PortOpened),
    #[serde(rename = "app.ready")]
    AppReady {
        urls: Urls,
        ms: u64,
        /// By which answer it was found to be ready.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// Everything it listens on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ports: Vec<OpenPort>,
    },
    #[serde(rename = "app.exit")]
    AppExit(AppExit),
    /// The public URL may be shown.
    #[serde(rename = "tunnel.ready")]
    TunnelReady {
        kind: TunnelKind,
        url: PublicUrl,
        verified: Verification,
    },
    /// Whoever was given the old one has to be given the new one.
    #[serde(rename = "tunnel.url_changed")]
    TunnelUrlChanged { old: PublicUrl, new: PublicUrl },
    #[serde(rename = "tunnel.down")]
    TunnelDown { kind: TunnelKind, why: String },
    /// The sandbox kept a connection from leaving.
    #[serde(rename = "egress.refused")]
    Refused(EgressDenial),
    #[serde(rename = "log")]
    Log(LogLine),
    #[serde(rename = "warning")]
    Warning {
        message: String,
        hint: Option<String>,
    },
    #[serde(rename = "heartbeat")]
    Heartbeat {},
    /// Last on every stream that ends, also when it failed.
    #[serde(rename = "result")]
    Result(UpOutcome),
    /// Of a newer version; never sent.
    #[serde(skip)]
    Unknown,
}

/// What was recognised, and what was not taken and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectReport {
    pub plan: Plan,
    pub version: Option<VersionChoice>,
    /// The winner first, then the others by falling score.
    pub candidates: Vec<Candidate>,
    /// What a user should know of the plan before it is carried out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// One thing about a project that does not stop it and should be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// One stretch of the way to a URL: `image`, `create`, `sync`, `install`, `start`, `tunnel`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepUpdate {
    pub id: String,
    pub state: StepState,
    /// For people: what is being done, or why it was skipped.
    pub detail: String,
    /// From the start of the step; 0 while it runs.
    #[serde(default)]
    pub ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<BuildProgress>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    Started,
    Progress,
    Done,
    Skipped,
    Failed,
}

/// One batch of files that went in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncReport {
    pub files: u64,
    pub bytes: u64,
    pub deleted: u64,
    pub ms: u64,
    /// Whether this was a full comparison and not only what a watcher reported.
    pub full: bool,
    /// The first few paths, for people.
    pub paths: Vec<String>,
    /// Paths that were refused, each with its reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// What the edit led to: nothing, a restart of the app, a fresh installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortOpened {
    pub port: u16,
    /// It listens on a loopback address only, so nothing but the guest's relay reaches it.
    pub loopback: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppExit {
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    pub signal: Option<i32>,
    /// The kernel ended a process of the instance for want of memory.
    pub out_of_memory: bool,
    /// Highest memory use seen, and the limit, where the kernel tells.
    pub peak_bytes: Option<u64>,
    pub limit_bytes: Option<u64>,
    /// The last lines it wrote.
    pub last_lines: Vec<String>,
}

/// How an app ended and when, without its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastExit {
    pub at: jiff::Timestamp,
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub out_of_memory: bool,
}

impl LastExit {
    pub fn now(exit: &AppExit) -> Self {
        Self {
            at: jiff::Timestamp::now(),
            code: exit.code,
            signal: exit.signal,
            out_of_memory: exit.out_of_memory,
        }
    }
}

/// A connection that was not let out. The same one is told once a minute at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressDenial {
    pub by: DenialStage,
    /// What was to be reached: a name where one is known, else an address. A name whose answer was
    /// private has that address after a `=`.
    pub host: String,
    /// 0 if the protocol has none.
    pub port: u16,
}

/// Where in a connection's making it was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DenialStage {
    /// The name was looked up.
    Dns,
    /// The name was given in a TLS hello, or none was.
    Tls,
    /// The name was given in `Host`.
    Http,
    Tcp,
    Udp,
    /// Another protocol, such as ICMP.
    Other,
}

impl EgressDenial {
    /// The name to allow, if allowing it would help.
    pub fn name(&self) -> Option<&str> {
        let by_name = matches!(
            self.by,
            DenialStage::Dns | DenialStage::Tls | DenialStage::Http
        );
        let is_name = self.host.contains(|c: char| c.is_ascii_alphabetic())
            && !self.host.contains(['=', ':', '?']);
        (by_name && is_name).then_some(self.host.as_str())
    }
}

impl fmt::Display for EgressDenial {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, host, port } = self;
        match by {
            DenialStage::Dns => match host.split_once('=') {
                Some((name, address)) => write!(out, "{name}, which leads to {address}"),
                None => write!(out, "{host}, looked up"),
            },
            DenialStage::Tls => write!(out, "{host}:{port} over TLS"),
            DenialStage::Http => write!(out, "{host}:{port} over HTTP"),
            DenialStage::Tcp => write!(out, "{host}:{port} over TCP"),
            DenialStage::Udp => write!(out, "{host}:{port} over UDP"),
            DenialStage::Other => out.write_str(host),
        }
    }
}

/// Where an instance can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Urls {
    /// Through the gateway, from this host.
    pub local: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<PublicUrl>,
}

impl Urls {
    /// The one to print.
    pub fn best(&self) -> String {
        self.public
            .as_ref()
            .map_or_else(|| self.local.clone(), PublicUrl::to_string)
    }
}

/// How a streamed command ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum UpOutcome {
    Success {
        /// Whether anything had to be done.
        changed: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        urls: Option<Urls>,
        /// What opens the public URL, where that is private: for whoever asked, and never told as
        /// an event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<Secret>,
        /// What the app answered when it was found to be ready.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        exit: u8,
    },
    Failure {
        problem: Problem,
        exit: u8,
    },
}

impl UpOutcome {
    pub fn success(changed: bool, urls: Option<Urls>) -> Self {
        Self::Success {
            changed,
            urls,
            link: None,
            port: None,
            status: None,
            exit: 0,
        }
    }

    /// The same, with what the app answered.
    #[must_use]
    pub fn with_answer(mut self, answered: Option<AppAnswer>) -> Self {
        if let Self::Success { port, status, .. } = &mut self {
            *port = answered.map(|it| it.port);
            *status = answered.map(|it| it.status);
        }
        self
    }

    /// The same, with what opens the public URL.
    #[must_use]
    pub fn with_link(mut self, opens: Option<Secret>) -> Self {
        if let Self::Success { link, .. } = &mut self {
            *link = opens;
        }
        self
    }

    /// The one URL to print: the link, else the public URL, else the local one.
    pub fn url(&self) -> Option<String> {
        match self {
            Self::Success { urls, link, .. } => {
                let link = link.as_ref().map(|link| link.reveal().to_owned());
                link.or_else(|| urls.as_ref().map(Urls::best))
            }
            Self::Failure { .. } => None,
        }
    }

    pub fn failure(problem: Problem) -> Self {
        let exit = problem.code.exit_code();
        Self::Failure { problem, exit }
    }
}
