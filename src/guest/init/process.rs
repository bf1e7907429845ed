//! A program in a session of its own: started, listened to, ended with all it started.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{
            fs::PermissionsExt,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::{Path, PathBuf},
    process::{ChildStdin, Command, ExitStatus, Stdio},
};

use guest_api::wire::{Ending, Program};

use super::{memory, output::Log, tail_buffer::TailBuffer};
use crate::sys;

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Read of one stream at a time, so that streams take turns.
const PIECE: usize = 64 * 1024;

/// What a program reads on its standard input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Nothing, and it never ends: watchers take its end for the end of their terminal.
    Open,
    /// Its end at once, so that who asks something there is not waited for.
    Ended,
}

pub struct Process {
    pub pid: u32,
    /// Kept open and never written to.
    _input: Option<ChildStdin>,
    streams: [Option<File>; 2],
    pub lines: TailBuffer,
    pub status: Option<ExitStatus>,
    kills_before: u64,
}

impl Process {
    /// Start it, or say how a shell would have ended.
    pub fn start(program: &Program, workspace: &Path, input: Input) -> Result<Self, Ending> {
        let cwd = workspace.join(&program.cwd);
        let failed = |error: &io::Error, what: String| {
            let code = if error.kind() == io::ErrorKind::NotFound {
                127
            } else {
                126
            };
            ending(
                Some(code),
                None,
                0,
                vec![format!("{what}: {}", describe(error))],
            )
        };
        if !cwd.is_dir() {
            let error = io::Error::from_raw_os_error(sys::ENOENT);
            return Err(failed(
                &error,
                format!("working directory {}", cwd.display()),
            ));
        }
        let name = program.argv.first().map_or("", String::as_str);
        let file = find(name, program, &cwd).map_err(|error| failed(&error, name.to_owned()))?;
        let mut command = Command::new(&file);
        command
            .arg0(name)
            .args(program.argv.iter().skip(1))
            .envs(program.env.iter().map(|(key, value)| (key, value)))
            .current_dir(&cwd)
            .stdin(if input == Input::Open {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        sys::lead_session(&mut command);
        let kills_before = memory::read().kills;
        let mut child = command.spawn().map_err(|error| {
            // The file is there: then it is the interpreter it names that is not.
            failed(&error, format!("{} or its interpreter", file.display()))
        })?;
        let stdout = child
            .stdout
            .take()
            .map(|pipe| File::from(OwnedFd::from(pipe)));
        let stderr = child
            .stderr
            .take()
            .map(|pipe| File::from(OwnedFd::from(pipe)));
        for pipe in [&stdout, &stderr].into_iter().flatten() {
            let _ = sys::set_nonblocking(pipe);
        }
        Ok(Self {
            pid: child.id(),
            _input: child.stdin.take(),
            streams: [stdout, stderr],
            lines: TailBuffer::default(),
            status: None,
            kills_before,
        })
    }

    /// The streams that are open, to be watched.
    pub fn stream(&self, stderr: bool) -> Option<BorrowedFd<'_>> {
        self.streams[usize::from(stderr)].as_ref().map(File::as_fd)
    }

    /// Read what one stream has, at most `limit`, into the log and the last lines. Says how much;
    /// `None` when there is no more for now.
    pub fn read(&mut self, stderr: bool, limit: usize, log: &mut Log) -> Option<Vec<u8>> {
        let stream = &mut self.streams[usize::from(stderr)];
        let mut piece = vec![0; PIECE.min(limit)];
        match stream.as_mut()?.read(&mut piece) {
            Ok(len @ 1..) => {
                piece.truncate(len);
                log.write(stderr, &piece);
                self.lines.push(stderr, &piece);
                Some(piece)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            _ => {
                *stream = None;
                None
            }
        }
    }

    /// Send a signal to everything in its session.
    pub fn signal(&self, signal: i32) {
        sys::signal_group(self.pid, signal);
        for pid in session(self.pid) {
            sys::signal_process(pid, signal);
        }
    }

    /// Whether it and all of its session are gone.
    pub fn is_gone(&self) -> bool {
        self.status.is_some() && !sys::signal_group(self.pid, 0) && session(self.pid).is_empty()
    }

    /// How it ended, once it has.
    pub fn ending(&mut self) -> Ending {
        let (code, signal) = self
            .status
            .map_or((None, None), |status| (status.code(), status.signal()));
        ending(code, signal, self.kills_before, self.lines.take())
    }
}

fn ending(code: Option<i32>, signal: Option<i32>, kills: u64, last_lines: Vec<String>) -> Ending {
    let memory = memory::read();
    Ending {
        code,
        signal,
        // A program that never ran was not ended by the kernel.
        out_of_memory: !matches!(code, Some(126 | 127)) && memory.kills > kills,
        peak_bytes: memory.peak,
        limit_bytes: memory.limit,
        last_lines,
    }
}

/// An error's text without the number std adds.
fn describe(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(sys::ENOENT) => "not found".to_owned(),
        Some(sys::EACCES) => "not allowed to run it".to_owned(),
        _ => error.to_string(),
    }
}

/// Find a program as a shell would, on the `PATH` it will have itself.
fn find(name: &str, program: &Program, cwd: &Path) -> io::Result<PathBuf> {
    if name.contains('/') {
        return runnable(cwd.join(name));
    }
    let search_path = program
        .env
        .iter()
        .rev()
        .find(|(key, _)| key == "PATH")
        .map(|(_, path)| path.clone());
    let path = search_path
        .or_else(|| std::env::var("PATH").ok())
        .unwrap_or_else(|| DEFAULT_PATH.to_owned());
    let mut missing = io::Error::from_raw_os_error(sys::ENOENT);
    for dir in path.split(':').filter(|_| !name.is_empty()) {
        match runnable(cwd.join(dir).join(name)) {
            Ok(file) => return Ok(file),
            Err(error) if error.raw_os_error() == Some(sys::EACCES) => missing = error,
            Err(_) => {}
        }
    }
    Err(missing)
}

fn runnable(file: PathBuf) -> io::Result<PathBuf> {
    let found = fs::metadata(&file)?;
    if found.is_file() && found.permissions().mode() & 0o111 != 0 {
        Ok(file)
    } else {
        Err(io::Error::from_raw_os_error(sys::EACCES))
    }
}

/// Living processes of a session outside the group that leads it.
fn session(leader: u32) -> Vec<u32> {
    let mut all = running_processes();
    all.retain(|it| it.session == leader && it.group != leader);
    all.iter().map(|it| it.pid).collect()
}

/// A process that has not ended, as the kernel's table has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RunningProcess {
    pub pid: u32,
    pub parent: u32,
    group: u32,
    session: u32,
}

pub fn running_processes() -> Vec<RunningProcess> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let look = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // After the name, which may hold anything: state, parent, group, session.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        let mut number = || fields.next()?.parse().ok();
        let (parent, group, session) = (number()?, number()?, number()?);
        (state != "Z").then_some(RunningProcess {
            pid,
            parent,
            group,
            session,
        })
    };
    entries
        .filter_map(|entry| look(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .collect()
}
