//! The real binary, in a world of its own: temporary state, a clean environment.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_codemate-preview");
/// Longer than any test takes: a hang becomes a failure.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct World {
    root: TempDir,
}

/// What a run left.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("cmp").tempdir().unwrap();
        std::fs::create_dir(root.path().join("shop")).unwrap();
        Self { root }
    }

    /// The project commands are run in.
    pub fn project(&self) -> PathBuf {
        self.root.path().join("shop").canonicalize().unwrap()
    }

    pub fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    pub fn socket(&self) -> PathBuf {
        self.state().join("run/agent.sock")
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(args)
            .env_clear()
            .env("CODEMATE_PREVIEW_STATE_DIR", self.state())
            .env("HOME", self.root.path())
            .current_dir(self.project())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, |_| {})
    }

    pub fn run_with(&self, args: &[&str], change: impl FnOnce(&mut Command)) -> Ran {
        let mut command = self.command(args);
        change(&mut command);
        self.ran(
            assert_cmd::Command::from_std(command)
                .timeout(PATIENCE)
                .output()
                .unwrap(),
        )
    }

    pub fn ran(&self, output: Output) -> Ran {
        let root = self.root.path().canonicalize().unwrap();
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes)
                .unwrap()
                .replace(root.to_str().unwrap(), "[root]")
        };
        Ran {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    pub fn write(&self, path: impl AsRef<Path>, text: &str) {
        std::fs::write(self.project().join(path), text).unwrap();
    }
}

/// An agent that a test started does not outlive it.
impl Drop for World {
    fn drop(&mut self) {
        if self.socket().exists() {
            let _ = self.command(&["agent", "stop"]).output();
        }
    }
}

impl Ran {
    /// For snapshots: the three things a caller sees.
    pub fn all(&self) -> String {
        let code = self
            .code
            .map_or("signal".to_owned(), |code| code.to_string());
        format!(
            "exit {code}\n--- stdout\n{}--- stderr\n{}",
            self.stdout, self.stderr
        )
    }

    /// Standard output as JSON, one value a line.
    pub fn json(&self) -> Vec<serde_json::Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Wait until something holds, and no longer than any test takes.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let steps = PATIENCE.as_millis() / 10;
    for _ in 0..steps {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it never came to this: {what}");
}
