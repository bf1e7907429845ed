//! A Docker engine of a test's own: other settings, its own network namespace, its own images.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::host::until;

/// Whether this machine can have one.
pub fn can_be() -> bool {
    let own = fs::metadata("/proc/self").unwrap();
    std::os::unix::fs::MetadataExt::uid(&own) == 0
        && ["dockerd", "ip", "nsenter"]
            .iter()
            .all(|program| has(program))
}

pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

pub struct Second {
    dir: TempDir,
    space: String,
    daemon: Child,
}

impl Second {
    pub fn start(settings: &Value) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let space = format!("cmp-dd-{}", std::process::id());
        ip(&["netns", "add", &space]);
        ip(&["-n", &space, "link", "set", "lo", "up"]);
        fs::write(dir.path().join("daemon.json"), settings.to_string()).unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let log = File::create(at("log")).unwrap();
        let daemon = Command::new("nsenter")
            .arg(format!("--net=/var/run/netns/{space}"))
            .args([
                "dockerd",
                "--data-root",
                &at("data"),
                "--exec-root",
                &at("x"),
            ])
            .args(["--pidfile", &at("pid"), "--config-file", &at("daemon.json")])
            .args(["--host", &format!("unix://{}", at("docker.sock"))])
            .args(["--cgroup-parent", &format!("/{space}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let second = Self { dir, space, daemon };
        until("the second engine", || {
            let version = second.command(&["version"]).output().unwrap();
            version.status.success().then_some(())
        });
        second
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("docker.sock")
    }

    /// For `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.arg("--host").arg(self.host()).args(args);
        command
    }

    #[track_caller]
    pub fn docker(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// An image of the ordinary engine's.
    pub fn load(&self, image: &str) {
        let mut saved = Command::new("docker")
            .args(["save", image])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let loaded = self
            .command(&["load", "--quiet"])
            .stdin(saved.stdout.take().unwrap())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(saved.wait().unwrap().success() && loaded.success());
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        // The daemon ends its containers, its containerd and its mounts.
        let asked = Command::new("kill")
            .arg(self.daemon.id().to_string())
            .status();
        if asked.is_ok_and(|asked| asked.success()) {
            let _ = self.daemon.wait();
        }
        ip(&["netns", "del", &self.space]);
    }
}

fn ip(args: &[&str]) {
    let done = Command::new("ip").args(args).status();
    assert!(
        std::thread::panicking() || done.is_ok_and(|done| done.success()),
        "ip {args:?}"
    );
}
