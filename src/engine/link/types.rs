//! What is said to and heard from the guest, in the engine's words.

use std::{fmt, fs, io, sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{
    engine::EngineError,
    model::{AppExit, Secret},
};
use guest_api::wire::{Ending, Outcome, Socket};

/// How a command ended.
pub type Exited = AppExit;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestHello {
    /// Of the protocol.
    pub version: u8,
    /// `None` when none was ever started.
    pub app: Option<AppState>,
    pub listeners: Vec<ListeningPort>,
}

impl GuestHello {
    pub fn app_is_running(&self) -> bool {
        matches!(self.app, Some(AppState::Running { .. }))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppState {
    Running { pid: u32 },
    Exited(AppExit),
}

/// `env` is added to the container's. A relative `cwd` is relative to the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppSpec {
    pub argv: Vec<String>,
    pub env: Vec<(String, Secret)>,
    pub cwd: String,
    /// How long it may take to end when asked to.
    pub grace: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSpec {
    pub argv: Vec<String>,
    pub env: Vec<(String, Secret)>,
    pub cwd: String,
}

/// What is on an instance's volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskUse {
    pub bytes: u64,
    pub files: u64,
    /// Free where the volume is.
    pub free_bytes: u64,
}

/// What an app has written since it was started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// How many lines in all; one that has not ended counts.
    pub lines: u64,
    /// The last of them, 40 at most.
    pub last: Vec<String>,
    /// CPU time of everything in the container so far, where the kernel tells.
    pub cpu_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputLine {
    pub stderr: bool,
    pub text: String,
}

/// One path that sync has written. The text is the guest's and may be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryEntry {
    pub path: String,
    pub token: [u8; 32],
    pub mode: u32,
    pub is_link: bool,
}

/// Paths are relative to the workspace, with `/` between names.
#[derive(Debug, Clone)]
pub enum FileOp {
    Put {
        path: String,
        mode: u32,
        token: [u8; 32],
        content: Content,
    },
    Link {
        path: String,
        target: String,
        token: [u8; 32],
    },
    Delete {
        path: String,
    },
}

#[derive(Debug, Clone)]
pub enum Content {
    Bytes(Bytes),
    /// Read when its turn comes; refused as [`FileRefusal::Changed`] if it is not `len` long then.
    File {
        file: Reopen,
        len: u64,
    },
}

/// How a file is opened when its turn comes. Not a path, for what a path leads to may be another
/// by then: whoever looked at the file knows what it must not be opened through.
#[derive(Clone)]
pub struct Reopen(Arc<dyn Fn() -> io::Result<fs::File> + Send + Sync>);

impl Reopen {
    /// `open` may block. `NotFound` says that the file is no longer what was looked at.
    pub fn new(open: impl Fn() -> io::Result<fs::File> + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }

    pub fn open(&self) -> io::Result<fs::File> {
        (self.0)()
    }
}

impl fmt::Debug for Reopen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reopen")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileRefusal {
    #[error("it would leave the workspace")]
    Escapes,
    #[error("the app has made something of its own there")]
    Conflict,
    #[error("the instance's disk is full")]
    NoSpace,
    #[error("it is too large")]
    TooLarge,
    #[error("it changed while it was read")]
    Changed,
    #[error("error {0}")]
    Io(i32),
}

#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("nothing accepts connections on port {port}")]
    Refused { port: u16 },
    #[error(transparent)]
    Link(#[from] EngineError),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuestEvent {
    /// The whole set, whenever it changed.
    Listening(Vec<ListeningPort>),
    AppStarted {
        pid: u32,
    },
    /// The app ended, or could not be started, without having been asked to.
    AppExited {
        exit: AppExit,
        /// How many starts this link had told of by then: of an app that was replaced meanwhile
        /// it is less than [`super::Link::starts`].
        start: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListeningPort {
    pub port: u16,
    pub scope: PortScope,
}

impl ListeningPort {
    pub fn is_loopback(&self) -> bool {
        self.scope == PortScope::Loopback
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PortScope {
    Loopback,
    Any,
    Other,
}

pub fn exit(ending: Ending) -> AppExit {
    AppExit {
        code: ending.code,
        signal: ending.signal,
        out_of_memory: ending.out_of_memory,
        peak_bytes: ending.peak_bytes,
        limit_bytes: ending.limit_bytes,
        last_lines: ending.last_lines,
    }
}

pub fn listeners(ports: &[Socket]) -> Vec<ListeningPort> {
    let scope = |socket: &Socket| match socket {
        Socket { any: true, .. } => PortScope::Any,
        Socket { loopback: true, .. } => PortScope::Loopback,
        Socket { .. } => PortScope::Other,
    };
    ports
        .iter()
        .map(|socket| ListeningPort {
            port: socket.port,
            scope: scope(socket),
        })
        .collect()
}

pub fn refusal(outcome: Outcome) -> Result<(), FileRefusal> {
    Err(match outcome {
        Outcome::Fine => return Ok(()),
        Outcome::Escapes => FileRefusal::Escapes,
        Outcome::Conflict => FileRefusal::Conflict,
        Outcome::NoSpace => FileRefusal::NoSpace,
        Outcome::TooLarge => FileRefusal::TooLarge,
        Outcome::Changed => FileRefusal::Changed,
        Outcome::Errno(errno) => FileRefusal::Io(errno),
        Outcome::Busy | Outcome::NoApp => FileRefusal::Io(0),
    })
}
