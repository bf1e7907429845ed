//! Chromium in a network namespace of its own, with bridges to the ports of this host it is to see.
//!
//! Every container that comes or goes changes the host's interfaces, and at each change Chromium drops
//! what it is loading. In there nothing changes.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;
use tokio::{
    net::{TcpStream, UnixListener, UnixStream},
    runtime::Runtime,
};

/// What `make setup-tests` installs. `CODEMATE_PREVIEW_TEST_BROWSER=required` makes its absence
/// a failure.
pub fn is_here() -> bool {
    let asked = env::var("CODEMATE_PREVIEW_TEST_BROWSER").unwrap_or_default();
    let library = script("node_modules/playwright-core/package.json");
    let programs = ["chromium", "node", "unshare", "ip"];
    let here = programs.iter().all(|name| program(name).is_some()) && library.exists();
    assert!(
        here || asked != "required",
        "one of {programs:?} or playwright-core is missing; run `make setup-tests`"
    );
    here
}

fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

pub fn chromium() -> PathBuf {
    program("chromium").unwrap()
}

pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/browser")
        .join(name)
}

/// A program in a namespace whose loopback is all there is.
pub fn apart(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--net", "--", "sh", "-c"])
        .args([r#"ip link set lo up && exec "$@""#, "sh"])
        .arg(program);
    command
}

/// Run one of `tests/browser/*.mjs`; it finds `ports` of 127.0.0.1 as they are here.
pub fn visit(name: &str, args: &[&str], ports: &[u16]) -> Output {
    let bridges = Bridges::new(ports);
    apart("node")
        .args([script(name), chromium()])
        .args(args)
        .env("BRIDGES", &bridges.told)
        .output()
        .unwrap()
}

/// Sockets of the file system, which all namespaces share, each passing on to a port.
struct Bridges {
    /// `PORT=PATH`, separated by commas.
    told: String,
    _runtime: Runtime,
    _dir: TempDir,
}

impl Bridges {
    fn new(ports: &[u16]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let guard = runtime.enter();
        let mut told = Vec::new();
        for &port in ports {
            let path = dir.path().join(port.to_string());
            let listener = UnixListener::bind(&path).unwrap();
            runtime.spawn(async move {
                while let Ok((visitor, _)) = listener.accept().await {
                    tokio::spawn(pass(visitor, port));
                }
            });
            told.push(format!("{port}={}", path.display()));
        }
        drop(guard);
        Self {
            told: told.join(","),
            _runtime: runtime,
            _dir: dir,
        }
    }
}

/// A port that does not answer ends the one connection.
async fn pass(mut visitor: UnixStream, port: u16) {
    if let Ok(mut host) = TcpStream::connect(("127.0.0.1", port)).await {
        let _ = tokio::io::copy_bidirectional(&mut visitor, &mut host).await;
    }
}
