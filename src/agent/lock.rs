//! `AgentLock`: one agent a user. The lock, the stale socket, and who may connect.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::Mode;
use tokio::net::{UnixListener, UnixStream, unix::SocketAddr};

use crate::{
    config::{NotPrivate, Paths, is_private},
    model::{Code, Problem},
};

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("cannot {operation} `{}`: {source}", path.display())]
    Io {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("`{}` belongs to uid {owner}, not to you", path.display())]
    NotOurs { path: PathBuf, owner: u32 },
    #[error("`{}` is a link, and whoever made it decides where it leads", path.display())]
    Link { path: PathBuf },
    #[error("the path of the socket is too long: `{}`", path.display())]
    TooLong { path: PathBuf },
}

impl LockError {
    pub fn problem(&self) -> Problem {
        let problem = Problem::new(Code::Agent, self.to_string());
        match self {
            Self::Io { .. } => problem.next(&["codemate-preview", "doctor"], "check the setup"),
            Self::NotOurs { .. } | Self::Link { .. } => {
                problem.hint("set CODEMATE_PREVIEW_RUNTIME_DIR to a directory of your own")
            }
            Self::TooLong { .. } => {
                problem.hint("set CODEMATE_PREVIEW_RUNTIME_DIR to a directory with a short path")
            }
        }
    }

    fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            operation,
            path,
            source,
        }
    }
}

pub enum LockClaim {
    Held(AgentLock),
    /// Another agent holds the lock.
    AlreadyRunning,
}

/// The right to be the agent: the lock, held for life.
pub struct AgentLock {
    /// Released when this is dropped, which must be after [`ListeningLock`] removed the socket.
    lock: File,
    socket: PathBuf,
}

/// The claim of an agent that listens. Dropping it removes the socket, then frees the lock.
pub struct ListeningLock {
    socket: PathBuf,
    _lock: File,
}

impl Drop for ListeningLock {
    fn drop(&mut self) {
        // A socket that stays is replaced by the next agent.
        let _ = fs::remove_file(&self.socket);
    }
}

impl AgentLock {
    /// Leave the session of whoever started us, and take the lock.
    pub fn claim(paths: &Paths) -> Result<LockClaim, LockError> {
        // Fails only for the leader of a group, which is one a person started in a shell.
        let _ = rustix::process::setsid();
        private_dir(&paths.state_dir)?;
        private_dir(&paths.runtime_dir)?;
        let path = paths.agent_lock();
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(LockError::io("open", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(LockClaim::Held(Self {
                lock,
                socket: paths.socket(),
            })),
            Err(TryLockError::WouldBlock) => Ok(LockClaim::AlreadyRunning),
            Err(TryLockError::Error(error)) => Err(LockError::io("lock", &path)(error)),
        }
    }

    /// Whether the agent before this one ended without removing its socket.
    pub fn previous_crashed(&self) -> bool {
        self.socket.exists()
    }

    /// Bind the socket. With the lock held, a socket that is there is a dead agent's.
    pub fn listen(self) -> Result<(OwnUidListener, ListeningLock), LockError> {
        match fs::remove_file(&self.socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(LockError::io("remove", &self.socket)(error));
            }
            _ => {}
        }
        let listener = bind(&self.socket).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => LockError::TooLong {
                path: self.socket.clone(),
            },
            _ => LockError::io("listen on", &self.socket)(error),
        })?;
        Ok((
            OwnUidListener(listener),
            ListeningLock {
                socket: self.socket,
                _lock: self.lock,
            },
        ))
    }
}

/// Of mode 0600 from its first moment. The mask is the whole process's, which makes nothing else
/// while it starts.
fn bind(socket: &Path) -> io::Result<UnixListener> {
    let before = rustix::process::umask(Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(socket);
    rustix::process::umask(before);
    bound
}

/// Make the directory, or make sure that it is ours and nobody else's to enter.
fn private_dir(path: &Path) -> Result<(), LockError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(LockError::io("create", path))?;
    let path = path.to_owned();
    match is_private(&path) {
        Ok(()) => Ok(()),
        Err(NotPrivate::Mode(_)) => fs::set_permissions(&path, Permissions::from_mode(0o700))
            .map_err(LockError::io("make private", &path)),
        Err(NotPrivate::Link) => Err(LockError::Link { path }),
        Err(NotPrivate::Owner(owner)) => Err(LockError::NotOurs { path, owner }),
        Err(NotPrivate::NoDirectory) => Err(LockError::io("enter", &path)(
            io::ErrorKind::NotADirectory.into(),
        )),
        Err(NotPrivate::Io(error)) => Err(LockError::io("look at", &path)(error)),
    }
}

/// The socket, as a listener that takes connections of our own user and closes all others.
pub struct OwnUidListener(UnixListener);

impl axum::serve::Listener for OwnUidListener {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok((stream, address)) if is_ours(&stream) => return (stream, address),
                Ok(_) => {}
                // Out of descriptors, most likely: those in use will be given back.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

fn is_ours(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own)
}
