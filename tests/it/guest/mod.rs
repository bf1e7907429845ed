//! The guest as an ordinary process in a directory of its own, and links to it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod app;
mod background;
mod closing;
mod embedded;
mod files;
mod journal;
mod open_lines;
mod output_rate;
mod poll_schedule;
mod relay;
mod stream;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use bytes::Bytes;
use codemate_preview::{
    engine::link::{AppSpec, Content, FileOp, FileRefusal, GuestEvent, InventoryEntry, Link},
    model::Secret,
    task::{BoxedIo, Scope},
};
use tempfile::TempDir;
use tokio::{
    net::UnixStream,
    process::{Child, Command},
    sync::mpsc,
    time::timeout,
};

const GUEST: &str = concat!(env!("OUT_DIR"), "/guest");
/// Only ever reached by a test that fails.
const LIMIT: Duration = Duration::from_secs(30);

struct World {
    dir: TempDir,
    init: Child,
    scope: Scope,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let init = spawn_init(dir.path());
        Self {
            dir,
            init,
            scope: Scope::new(),
        }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    fn workspace(&self) -> PathBuf {
        self.dir.path().join("home/workspace")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.workspace().join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }

    /// What the guest wrote on its own standard output: the container's log.
    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    /// By way of `guest link`, which waits until there is somebody to talk to.
    async fn link(&self) -> (Link, mpsc::Receiver<GuestEvent>) {
        Link::open(self.bridge(), &self.scope).await.unwrap()
    }

    fn bridge(&self) -> BoxedIo {
        let mut child = Command::new(GUEST)
            .arg("link")
            .arg("--socket")
            .arg(self.socket())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Box::pin(tokio::io::join(
            child.stdout.take().unwrap(),
            child.stdin.take().unwrap(),
        ))
    }

    /// Straight to the socket, once a link has shown that it is there.
    async fn raw(&self) -> UnixStream {
        UnixStream::connect(self.socket()).await.unwrap()
    }

    /// As an engine stops a container: by the polite signal to the first process, which ends when
    /// the app has.
    async fn stop(&mut self) {
        let pid = self.init.id().unwrap().to_string();
        let status = Command::new("kill").arg(pid).status().await.unwrap();
        assert!(status.success());
        let ended = timeout(LIMIT, self.init.wait()).await;
        ended.expect("it never ended").unwrap();
    }

    async fn kill_and_restart(&mut self) {
        self.init.kill().await.unwrap();
        self.init = spawn_init(self.dir.path());
    }
}

fn spawn_init(dir: &Path) -> Child {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.join("log"))
        .unwrap();
    Command::new(GUEST)
        .arg("init")
        .arg("--home")
        .arg(dir.join("home"))
        .arg("--socket")
        .arg(dir.join("socket"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

fn put(path: &str, content: impl Into<Bytes>) -> FileOp {
    let content: Bytes = content.into();
    let token = token(&content);
    FileOp::Put {
        path: path.to_owned(),
        mode: 0o644,
        token,
        content: Content::Bytes(content),
    }
}

fn symlink(path: &str, target: &str) -> FileOp {
    let token = token(target.as_bytes());
    FileOp::Link {
        path: path.to_owned(),
        target: target.to_owned(),
        token,
    }
}

fn delete(path: &str) -> FileOp {
    FileOp::Delete {
        path: path.to_owned(),
    }
}

fn token(bytes: &[u8]) -> [u8; 32] {
    let mut token = [1u8; 32];
    for (index, byte) in bytes.iter().enumerate() {
        token[index % 32] = token[index % 32].wrapping_mul(31).wrapping_add(*byte) | 1;
    }
    token
}

async fn apply_one(link: &Link, op: FileOp) -> Result<(), FileRefusal> {
    link.apply(vec![op]).await.unwrap().remove(0)
}

async fn held(link: &Link) -> Vec<(String, [u8; 32])> {
    let held = link.inventory().await.unwrap();
    held.into_iter()
        .map(|InventoryEntry { path, token, .. }| (path, token))
        .collect()
}

fn shell(script: &str) -> AppSpec {
    AppSpec {
        argv: vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()],
        env: vec![("GREETING".to_owned(), Secret::new("hello"))],
        cwd: ".".to_owned(),
        grace: Duration::from_secs(10),
    }
}

/// The first event that `wanted` makes something of.
async fn event<T>(
    events: &mut mpsc::Receiver<GuestEvent>,
    mut wanted: impl FnMut(GuestEvent) -> Option<T>,
) -> T {
    let found = async {
        loop {
            let event = events.recv().await.expect("the link is open");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    };
    timeout(LIMIT, found).await.expect("the event never came")
}
