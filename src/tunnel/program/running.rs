//! `Running`: one program that holds a tunnel.

use std::{
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt as _},
    process::{Child, ExitStatus},
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use tokio::{
    io::{Interest, unix::AsyncFd},
    net::unix::pipe,
    sync::mpsc,
    time::timeout,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    Programs, orphans,
    output_lines::{Tail, drain},
    spawner,
};
use crate::tunnel::TunnelError;

/// Lines that wait for whoever wants them.
const OFFERED: usize = 256;
/// How long output is read after everything that could write any has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the kernel may take to end a process after SIGKILL.
const KILLED: Duration = Duration::from_secs(2);

/// Dropped, it is killed; what it leaves is then known by its record.
pub struct Running {
    /// `None` once it was waited for.
    child: Option<Child>,
    pid: Pid,
    /// Readable when the program has ended, which does not release its id.
    ended: AsyncFd<OwnedFd>,
    tail: Tail,
    lines: mpsc::Receiver<String>,
    readers: TaskTracker,
    /// Stops the readers, for a process that hides from us may keep the other end open.
    _stop: DropGuard,
    name: String,
    mark: String,
    programs: Programs,
}

/// How a program ended, and the last that it printed.
#[derive(Debug, Clone)]
pub struct ProgramExit {
    program: String,
    status: Option<ExitStatus>,
    pub last_lines: Vec<String>,
}

impl Running {
    pub(super) fn new(
        programs: &Programs,
        mut child: Child,
        name: String,
        mark: String,
    ) -> io::Result<Self> {
        let (tail, readers) = (Tail::default(), TaskTracker::new());
        let (offer, lines) = mpsc::channel(OFFERED);
        let stop = CancellationToken::new();
        let attend = |child: &mut Child| {
            let pid = spawner::pid_of(child).ok_or(io::ErrorKind::InvalidData)?;
            let ended = pidfd_open(pid, PidfdFlags::empty())?;
            let ended = watch(ended)?;
            let out = child.stdout.take().map(OwnedFd::from);
            let err = child.stderr.take().map(OwnedFd::from);
            for output in [out, err].into_iter().flatten() {
                let output = pipe::Receiver::from_owned_fd(output)?;
                let reader = drain(output, tail.clone(), offer.clone());
                let reader = stop.clone().run_until_cancelled_owned(reader);
                programs.scope.spawn(readers.track_future(reader));
            }
            Ok((pid, ended))
        };
        match attend(&mut child) {
            Ok((pid, ended)) => Ok(Self {
                child: Some(child),
                pid,
                ended,
                tail,
                lines,
                readers,
                _stop: stop.drop_guard(),
                name,
                mark,
                programs: programs.clone(),
            }),
            Err(error) => {
                spawner::discard(child);
                Err(error)
            }
        }
    }

    pub fn pid(&self) -> i32 {
        self.pid.as_raw_pid()
    }

    /// What it prints, by line, from the start, without colours; closed when there is no more. One
    /// that is not taken in time is lost. There is one receiver, and a second is closed.
    pub fn lines(&mut self) -> mpsc::Receiver<String> {
        std::mem::replace(&mut self.lines, mpsc::channel(1).1)
    }

    /// Resolves when the program has ended by itself. [`Self::end`] is due even then.
    pub async fn ended(&self) {
        // It cannot fail but with the runtime, and then nobody waits any more.
        let _ = self.ended.readable().await;
    }

    /// End the program and all that it started, and wait until nothing of it is left. Each step
    /// follows from the program not being gone, not from the one before having been taken.
    pub async fn end(mut self) -> ProgramExit {
        for grace in [
            self.programs.timing.first_grace,
            self.programs.timing.second_grace,
        ] {
            if timeout(Duration::ZERO, self.ended()).await.is_ok() {
                break;
            }
            self.signal(Signal::TERM);
            if timeout(grace, self.ended()).await.is_ok() {
                break;
            }
        }
        // Its group, too. Until it is waited for, no other group can have its id.
        self.signal(Signal::KILL);
        let gone = timeout(KILLED, self.ended()).await.is_ok();
        let status = match self.child.take() {
            Some(mut child) if gone => child.wait().ok(),
            child => {
                self.child = child;
                None
            }
        };
        orphans::kill_marked(&self.mark, &self.programs).await;
        self.readers.close();
        let _ = timeout(LAST_WORDS, self.readers.wait()).await;
        ProgramExit {
            program: self.name.clone(),
            status,
            last_lines: self.tail.lines(),
        }
    }

    fn signal(&self, signal: Signal) {
        // A group that is gone needs none.
        let _ = kill_process_group(self.pid, signal);
    }
}

#[expect(
    deprecated,
    reason = "what replaces it is unsafe, for it cannot know that a descriptor is owned; this is"
)]
fn watch(process: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(process, Interest::READABLE)
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            self.signal(Signal::KILL);
            std::thread::spawn(move || spawner::discard(child));
        }
    }
}

impl ProgramExit {
    /// What it means to a tunnel that was to be held.
    pub fn error(self) -> TunnelError {
        let how = match self.status.map(|status| (status.code(), status.signal())) {
            Some((Some(code), _)) => format!("with code {code}"),
            Some((None, Some(signal))) => format!("by signal {signal}"),
            _ => "in a way that is not known".to_owned(),
        };
        TunnelError::ProgramEnded {
            program: self.program,
            how,
            last_lines: self.last_lines,
        }
    }
}
