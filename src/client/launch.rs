//! Find the agent, or start it and wait until it is ready.
//!
//! Whoever starts one holds the spawn lock, so racing clients start one agent. The kernel frees
//! the lock if its holder dies.

use std::{
    fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    process::Stdio,
    time::Duration,
};

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::{Instant, sleep, timeout},
};

use super::{Client, ClientError, Result, peer, transport::Transport};
use crate::{
    api::{API_VERSION, Hello, Ready, path},
    config::{Env, NotPrivate, Paths, is_private},
};

const HELLO: Duration = Duration::from_secs(3);
/// For the agent to say that it is ready: it looks over what exists before that.
const START: Duration = Duration::from_secs(30);
/// For an agent to stop: its own grace period and some.
const STOP: Duration = Duration::from_mins(1);
/// Between two looks at a lock that another process holds.
const AGAIN: Duration = Duration::from_millis(10);
/// Between two attempts to start one.
const LATER: Duration = Duration::from_millis(50);

enum RunningAgent {
    Nobody,
    Ours(Box<Client>),
    /// It speaks another API.
    Other {
        pid: Option<i32>,
        api: String,
    },
}

#[derive(PartialEq, Eq)]
enum SpawnOutcome {
    Ready,
    AlreadyRunning,
}

/// The agent that runs. [`ClientError::NotRunning`] if there is none.
pub async fn find(paths: &Paths) -> Result<Client> {
    match probe(paths).await? {
        RunningAgent::Ours(client) => Ok(*client),
        RunningAgent::Nobody => Err(ClientError::NotRunning),
        RunningAgent::Other { api, .. } => {
            Err(ClientError::Malformed(format!("it speaks API {api}")))
        }
    }
}

/// The agent that runs, or a new one; one of another API is replaced.
pub async fn find_or_start(paths: &Paths) -> Result<Client> {
    if let RunningAgent::Ours(client) = probe(paths).await? {
        return Ok(*client);
    }
    prepare(paths)?;
    let _alone = lock(&paths.spawn_lock()).await?;
    let deadline = Instant::now() + START;
    while Instant::now() < deadline {
        match probe(paths).await? {
            RunningAgent::Ours(client) => return Ok(*client),
            RunningAgent::Other { pid, api } => replace(paths, pid, api).await?,
            RunningAgent::Nobody => {}
        }
        // Its lock outlives its socket while one is dying, and comes before it while one that
        // was started by hand is starting.
        if spawn(paths).await? == SpawnOutcome::AlreadyRunning {
            sleep(LATER).await;
        }
    }
    Err(ClientError::Silent(START))
}

/// Stop the agent, whatever it speaks, and wait until it is gone. Says whether there was one.
pub async fn stop(paths: &Paths) -> Result<bool> {
    prepare(paths)?;
    let _alone = lock(&paths.spawn_lock()).await?;
    match probe(paths).await? {
        RunningAgent::Nobody => Ok(false),
        RunningAgent::Ours(client) => {
            let pid = i32::try_from(client.hello.pid).ok();
            replace(paths, pid, API_VERSION.to_string())
                .await
                .map(|()| true)
        }
        RunningAgent::Other { pid, api } => replace(paths, pid, api).await.map(|()| true),
    }
}

async fn probe(paths: &Paths) -> Result<RunningAgent> {
    trusted(paths)?;
    let socket = &paths.socket();
    let Some(peer) = peer::look(socket).await? else {
        return Ok(RunningAgent::Nobody);
    };
    let transport = Transport::over(socket)?;
    let (status, body) = match transport.raw(Method::GET, path::HELLO, HELLO).await {
        Ok(answer) => answer,
        // It went away since the connection before, or is going.
        Err(ClientError::Connection(_)) => return Ok(RunningAgent::Nobody),
        Err(error) => return Err(error),
    };
    match (status, api_of(&body)) {
        (StatusCode::OK, Some(API_VERSION)) => {
            let hello: Hello = serde_json::from_slice(&body)
                .map_err(|error| ClientError::Malformed(error.to_string()))?;
            Ok(RunningAgent::Ours(Box::new(Client { transport, hello })))
        }
        (_, api) => Ok(RunningAgent::Other {
            pid: peer.pid,
            api: api.map_or_else(|| "unknown".to_owned(), |api| api.to_string()),
        }),
    }
}

fn api_of(hello: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct AnyVersion {
        api: u32,
    }
    serde_json::from_slice::<AnyVersion>(hello)
        .ok()
        .map(|any| any.api)
}

/// Ask it to stop; if it does not know how to be asked, signal it. Its lock says when it is gone.
async fn replace(paths: &Paths, pid: Option<i32>, api: String) -> Result<()> {
    let asked = Transport::over(&paths.socket())?
        .raw(Method::POST, path::SHUTDOWN, HELLO)
        .await;
    let understood = matches!(asked, Ok((status, _)) if status.is_success());
    if !understood && let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
        // It may be gone already, which is what is wanted.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    let deadline = Instant::now() + STOP;
    while is_locked(&paths.agent_lock())? {
        if Instant::now() >= deadline {
            return Err(ClientError::Stuck { api });
        }
        sleep(AGAIN).await;
    }
    Ok(())
}

fn is_locked(lock: &Path) -> Result<bool> {
    match open_lock(lock)?.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(ClientError::io("lock", lock)(error)),
    }
}

async fn lock(path: &Path) -> Result<File> {
    let file = open_lock(path)?;
    let deadline = Instant::now() + START + STOP;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(AGAIN).await,
            Err(TryLockError::WouldBlock) => return Err(ClientError::Silent(START + STOP)),
            Err(TryLockError::Error(error)) => return Err(ClientError::io("lock", path)(error)),
        }
    }
}

fn open_lock(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(ClientError::io("open", path))
}

fn prepare(paths: &Paths) -> Result<()> {
    for dir in [&paths.state_dir, &paths.runtime_dir] {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(ClientError::io("create", dir))?;
    }
    match is_private(&paths.runtime_dir) {
        // One's own, and left open: it is closed.
        Err(NotPrivate::Mode(_)) => {
            let private = Permissions::from_mode(0o700);
            std::fs::set_permissions(&paths.runtime_dir, private)
                .map_err(ClientError::io("make private", &paths.runtime_dir))
        }
        looked => private(&paths.runtime_dir, looked),
    }
}

/// Where others can put things, a socket could be theirs by the time it is connected to.
fn trusted(paths: &Paths) -> Result<()> {
    match is_private(&paths.runtime_dir) {
        Err(NotPrivate::Io(error)) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(NotPrivate::Mode(_)) => prepare(paths),
        looked => private(&paths.runtime_dir, looked),
    }
}

fn private(dir: &Path, looked: std::result::Result<(), NotPrivate>) -> Result<()> {
    let why = match looked {
        Ok(()) => return Ok(()),
        Err(NotPrivate::Io(error)) => return Err(ClientError::io("look at", dir)(error)),
        Err(NotPrivate::Link) => "it is a link".to_owned(),
        Err(NotPrivate::NoDirectory) => "it is no directory".to_owned(),
        Err(NotPrivate::Owner(uid)) => format!("it belongs to uid {uid}"),
        Err(NotPrivate::Mode(mode)) => format!("its mode is {mode:o}"),
    };
    Err(ClientError::NotPrivate {
        path: dir.to_owned(),
        why,
    })
}

/// Start `agent run` and read the one line it says. It leaves our session by itself.
async fn spawn(paths: &Paths) -> Result<SpawnOutcome> {
    let program = std::env::current_exe().map_err(ClientError::io("find", "codemate-preview"))?;
    let log = paths.agent_log();
    let stderr = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&log)
        .map_err(ClientError::io("open", &log))?;
    let mut command = Command::new(&program);
    // Each request brings what it has of these: an environment stays readable as long as its
    // process lives.
    for name in Env::secret_variables() {
        command.env_remove(name);
    }
    let mut agent = command
        .args(["agent", "run"])
        .current_dir("/")
        // glibc gives each thread a heap of its own, up to eight a CPU, and each keeps what it took.
        .env("MALLOC_ARENA_MAX", "2")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .map_err(ClientError::io("start", &program))?;
    let Some(stdout) = agent.stdout.take() else {
        return Err(ClientError::Died { log });
    };
    let mut line = String::new();
    timeout(START, BufReader::new(stdout).read_line(&mut line))
        .await
        .map_err(|_| ClientError::Silent(START))?
        .map_err(|_| ClientError::Died { log: log.clone() })?;
    match serde_json::from_str(&line) {
        Ok(Ready::Ready { .. }) => Ok(SpawnOutcome::Ready),
        Ok(Ready::AlreadyRunning) => Ok(SpawnOutcome::AlreadyRunning),
        Ok(Ready::Failed { problem }) => Err(ClientError::Refused(problem)),
        Err(_) => Err(ClientError::Died { log }),
    }
}
