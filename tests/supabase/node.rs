//! Programs of `tests/supabase/js`, run by node, that end with their tests.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Mutex,
        mpsc::{Receiver, channel},
    },
};

use serde_json::Value;

use crate::world::PATIENCE;

fn dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/supabase/js")
}

/// What a test here needs. `CODEMATE_PREVIEW_TEST_SUPABASE=required` says it has to be there.
pub fn is_here() -> bool {
    let modules = ["@supabase/lite", "@supabase/supabase-js", "ws"];
    let modules = modules.map(|name| dir().join("node_modules").join(name).is_dir());
    let node = Command::new("node").arg("--version").output();
    let here = node.is_ok() && modules == [true; 3];
    let told = std::env::var("CODEMATE_PREVIEW_TEST_SUPABASE").unwrap_or_default();
    assert!(
        here || told != "required",
        "node or its packages are missing: run tests/supabase/setup"
    );
    here && told != "none"
}

/// A program that says one JSON value a line, and reads one command a line.
pub struct Node {
    child: Child,
    /// Its end is what tells the program to end, also when this process is killed.
    stdin: Option<ChildStdin>,
    said: Mutex<Receiver<Value>>,
}

impl Node {
    pub fn start(program: &str, settings: &Value) -> Self {
        let mut child = Command::new("node")
            .arg(program)
            .arg(settings.to_string())
            .current_dir(dir())
            .env("DO_NOT_TRACK", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, said) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // Libraries print, too.
                if let Ok(value) = serde_json::from_str(&line)
                    && send.send(value).is_err()
                {
                    return;
                }
            }
        });
        let stdin = child.stdin.take();
        let said = Mutex::new(said);
        Self { child, stdin, said }
    }

    /// The first value from now on that `is_it` takes.
    #[track_caller]
    pub fn says(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let said = self.said.lock().unwrap();
        let mut others = Vec::new();
        loop {
            match said.recv_timeout(PATIENCE) {
                Ok(value) if is_it(&value) => return value,
                Ok(value) => others.push(value),
                Err(why) => panic!("node never said {what} ({why}), only {others:?}"),
            }
        }
    }

    pub fn tell(&mut self, command: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{command}").unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
