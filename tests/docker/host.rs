//! A host of its own for one test: own state, own agent, and nothing left behind.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

const APP: &str = "label=dev.codemate.preview.role=app";
const WARDEN: &str = "label=dev.codemate.preview.role=warden";
const BINARY: &str = env!("CARGO_BIN_EXE_codemate-preview");
/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

pub fn docker_is_here() -> bool {
    let asked = std::env::var("CODEMATE_PREVIEW_TEST_DOCKER").unwrap_or_default();
    if asked == "none" {
        return false;
    }
    let output = Command::new("docker").arg("version").output();
    let here = output.is_ok_and(|output| output.status.success());
    assert!(
        here || asked != "required",
        "no Docker engine answers, and one is required"
    );
    here
}

/// Poll until `found` finds something.
#[track_caller]
pub fn until<T>(what: &str, found: impl FnMut() -> Option<T>) -> T {
    in_time(found).unwrap_or_else(|| panic!("waited in vain for: {what}"))
}

/// Poll until `found` finds something; `None` if it takes too long.
pub fn in_time<T>(mut found: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(it) = found() {
            return Some(it);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// PATH with the directory of our own program first.
fn path_with_ours() -> OsString {
    let ours = Path::new(BINARY).parent().unwrap().to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(ours).chain(std::env::split_paths(&others))).unwrap()
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: &Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let signal = output.status.signal().map(|signal| 128 + signal);
        Self {
            code: output.status.code().or(signal).unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    /// The one line of a successful `up`.
    #[track_caller]
    pub fn url(self) -> String {
        let ran = self.ok();
        let lines: Vec<&str> = ran.stdout.lines().collect();
        assert_eq!(lines.len(), 1, "{ran:#?}");
        assert!(lines[0].starts_with("http://"), "{ran:#?}");
        lines[0].to_owned()
    }

    /// Every line of an NDJSON answer.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

pub struct Host {
    dir: TempDir,
    pub env: Vec<(&'static str, String)>,
}

impl Host {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            env: Vec::new(),
        }
    }

    /// Where the user's settings are.
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    /// A directory of this test's own with these files in it.
    pub fn project(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let root = self.dir.path().join("projects").join(name);
        fs::create_dir_all(&root).unwrap();
        for (path, text) in files {
            write(&root.join(path), text);
        }
        root
    }

    /// A copy of one of the projects that ship.
    pub fn copy_of(&self, fixture: &str) -> PathBuf {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/projects")
            .join(fixture);
        let to = self.dir.path().join("projects").join(fixture);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        let copied = Command::new("cp")
            .arg("-a")
            .arg(&from)
            .arg(&to)
            .status()
            .unwrap();
        assert!(copied.success());
        to
    }

    pub fn command(&self, args: &[&str]) -> Command {
        self.command_of(BINARY, args)
    }

    /// Another program as this user runs it, who has ours on PATH.
    pub fn command_of(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .env("PATH", path_with_ours())
            .env("CODEMATE_PREVIEW_STATE_DIR", self.dir.path().join("state"))
            .env("CODEMATE_PREVIEW_CONFIG_DIR", self.config())
            .env("CODEMATE_PREVIEW_RUNTIME_DIR", self.dir.path().join("run"))
            .envs(self.env.iter().map(|(name, value)| (*name, value.as_str())))
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command(args).output().unwrap())
    }

    pub fn spawn(&self, args: &[&str]) -> Child {
        self.command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub fn up(&self, project: &Path) -> Ran {
        self.run(&["up", project.to_str().unwrap()])
    }

    /// The data of a command's one JSON document.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        let ran = self.run(&all);
        let document: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:#?}"));
        document["data"].clone()
    }

    pub fn agent_pid(&self) -> i32 {
        let status = self.json(&["agent", "status"]);
        i32::try_from(status["pid"].as_i64().expect("a running agent has a pid")).unwrap()
    }

    /// This host's containers and home volumes on the engine. What is the agent's, not an
    /// instance's, is left out: the volume with the guest in it, the warden, sidecars kept ready.
    pub fn owned(&self) -> Vec<String> {
        let mut all = self.labelled(&["ps", "-aq", "--filter", APP]);
        let volumes = self.labelled(&["volume", "ls", "-q"]);
        all.extend(
            volumes
                .into_iter()
                .filter(|name| !name.starts_with("cmp-guest-")),
        );
        all
    }

    /// All there is of this host on the engine but the volume with the guest in it.
    fn everything(&self) -> Vec<String> {
        let mut all = self.owned();
        all.extend(self.labelled(&["ps", "-a", "--format", "{{.Names}}"]));
        all.extend(self.labelled(&["network", "ls", "--format", "{{.Name}}"]));
        all
    }

    fn labelled(&self, list: &[&str]) -> Vec<String> {
        let Ok(owner) = fs::read_to_string(self.dir.path().join("state/owner")) else {
            return Vec::new();
        };
        let filter = format!("label=dev.codemate.preview.owner={}", owner.trim());
        docker(&[list, &["--filter", &filter]].concat())
    }

    /// The running container of the only instance.
    pub fn container(&self) -> String {
        let all = self.labelled(&["ps", "-q", "--filter", APP]);
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].clone()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.env.clear();
        self.run(&["down", "--all", "--purge", "--yes"]);
        self.run(&["agent", "stop"]);
        // What a broken build of the product leaves is not left to the machine.
        let left = self.everything();
        for id in self.labelled(&["ps", "-aq", "--filter", WARDEN]) {
            // Told to, it takes the host's table with it.
            docker(&["stop", &id]);
        }
        for id in self.labelled(&["ps", "-aq"]) {
            docker(&["rm", "-f", &id]);
        }
        for id in self.labelled(&["network", "ls", "-q"]) {
            docker(&["network", "rm", &id]);
        }
        for name in self.labelled(&["volume", "ls", "-q"]) {
            docker(&["volume", "rm", "-f", &name]);
        }
        if !std::thread::panicking() {
            assert!(left.is_empty(), "left behind: {left:?}");
        }
    }
}

pub fn docker(args: &[&str]) -> Vec<String> {
    let output = Command::new("docker").args(args).output().unwrap();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
