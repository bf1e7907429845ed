//! A real `sshd` on loopback, with its own keys and configuration, and every process of it.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use codemate_preview::config::SshSettings;
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use tempfile::TempDir;

use crate::world::until;

const PROGRAM: &str = "/usr/sbin/sshd";

pub fn is_here() -> bool {
    Path::new(PROGRAM).exists()
        && Command::new("ssh-keygen")
            .arg("-?")
            .stderr(Stdio::null())
            .status()
            .is_ok()
}

/// A new key at `path`, and its public half at `path.pub`.
pub fn keygen(path: &Path, passphrase: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", passphrase, "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
}

/// `SHA256:…` of the public key at `path`, as OpenSSH tells it.
pub fn fingerprint(path: &Path) -> String {
    let told = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(told.stdout).unwrap();
    text.split(' ').nth(1).unwrap().to_owned()
}

pub fn whoami() -> String {
    let told = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}

/// A port that nobody listens on just now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// One server. It keeps its port and its keys when it is started again.
pub struct Sshd {
    dir: TempDir,
    pub port: u16,
    child: Child,
}

impl Sshd {
    pub fn start() -> Self {
        Self::start_with("AllowTcpForwarding remote")
    }

    pub fn start_with(more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        keygen(&dir.path().join("host"), "");
        keygen(&dir.path().join("key"), "");
        fs::copy(dir.path().join("key.pub"), dir.path().join("authorized")).unwrap();
        let port = free_port();
        let conf = format!(
            "Port {port}\nListenAddress 127.0.0.1\nAddressFamily inet\nHostKey {}\nPidFile none\n\
             AuthorizedKeysFile {}\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nGatewayPorts no\n{more}\n",
            at("host"),
            at("authorized"),
        );
        fs::write(dir.path().join("conf"), conf).unwrap();
        let child = run(&dir, port);
        Self { dir, port, child }
    }

    /// Where a file of it is: `key` is let in, `host` is its own.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// As a user would set this server up.
    pub fn settings(&self) -> SshSettings {
        SshSettings {
            host: Some("127.0.0.1".to_owned()),
            port: Some(self.port),
            user: Some(whoami()),
            key: Some(self.file("key")),
            url: Some("http://127.0.0.1:{port}".to_owned()),
            ..SshSettings::default()
        }
    }

    pub fn new_host_key(&self) {
        for name in ["host", "host.pub"] {
            fs::remove_file(self.file(name)).unwrap();
        }
        keygen(&self.file("host"), "");
    }

    /// The processes that serve connections.
    pub fn sessions(&self) -> Vec<Pid> {
        below(i32::try_from(self.child.id()).unwrap())
    }

    pub fn signal_sessions(&self, signal: Signal) {
        let mut reached = 0;
        for pid in self.sessions() {
            match kill_process(pid, signal) {
                Ok(()) => reached += 1,
                // It ended by itself meanwhile.
                Err(Errno::SRCH) => {}
                Err(error) => panic!("{pid:?} cannot be signalled: {error}"),
            }
        }
        assert!(reached > 0, "nobody is connected");
    }

    /// End it and all its sessions.
    pub fn kill(&mut self) {
        // The sessions are known by their parent, so they go first.
        let sessions = self.sessions();
        for &pid in &sessions {
            // A stopped process takes this one too.
            let _ = kill_process(pid, Signal::KILL);
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        for pid in sessions {
            until("a session of sshd ends", || (!runs(pid)).then_some(()));
        }
    }

    pub fn restart(&mut self) {
        self.child = run(&self.dir, self.port);
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
    }
}

fn run(dir: &TempDir, port: u16) -> Child {
    // Where it locks its children up when it is started by root.
    let _ = fs::create_dir_all("/run/sshd");
    let log = fs::File::create(dir.path().join("log")).unwrap();
    let mut child = Command::new(PROGRAM)
        .args(["-D", "-e", "-f"])
        .arg(dir.path().join("conf"))
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    until("sshd listens", || {
        if child.try_wait().unwrap().is_some() {
            let log = fs::read_to_string(dir.path().join("log")).unwrap();
            panic!("sshd ended: {log}");
        }
        TcpStream::connect(("127.0.0.1", port)).ok()
    });
    child
}

/// State and parent of a process.
fn stat(pid: i32) -> Option<(char, i32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in brackets and may hold anything.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

fn runs(pid: Pid) -> bool {
    stat(pid.as_raw_nonzero().get()).is_some_and(|(state, _)| state != 'Z')
}

/// The running children of a process, theirs, and so on.
fn below(root: i32) -> Vec<Pid> {
    let all: Vec<(i32, i32)> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| stat(pid).map(|(state, parent)| (pid, state, parent)))
        .filter(|(_, state, _)| *state != 'Z')
        .map(|(pid, _, parent)| (pid, parent))
        .collect();
    let mut found = vec![root];
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        found.extend(
            all.iter()
                .filter(|(_, of)| *of == parent)
                .map(|(pid, _)| *pid),
        );
        at += 1;
    }
    found[1..]
        .iter()
        .filter_map(|pid| Pid::from_raw(*pid))
        .collect()
}
