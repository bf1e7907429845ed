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

/// Whether `tests/supabase/setup` has been run, and there is a node.
pub fn is_here() -> bool {
    let node = Command::new("node").arg("--version").output();
    dir().join("node_modules/@supabase/lite").is_dir() && node.is_ok()
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
