//! The one thread that starts programs.
//!
//! A parent-death signal is sent when the *thread* that started the program ends, and those of a
//! runtime come and go. This one ends with the process.

use std::{
    io,
    process::{Child, Command},
    sync::{OnceLock, mpsc},
    thread,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::oneshot;

struct Job {
    command: Command,
    reply: oneshot::Sender<io::Result<Child>>,
}

/// Start it as the leader of a process group of its own.
pub(super) async fn spawn(command: Command) -> io::Result<Child> {
    static THREAD: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    let gone = || io::Error::other("the thread that starts programs is gone");
    let (reply, started) = oneshot::channel();
    THREAD
        .get_or_init(begin)
        .send(Job { command, reply })
        .map_err(|_| gone())?;
    started.await.map_err(|_| gone())?
}

fn begin() -> mpsc::Sender<Job> {
    let (jobs, waiting) = mpsc::channel::<Job>();
    let thread = thread::Builder::new().name("tunnel-programs".to_owned());
    // Without the thread the channel is closed, and every job is told so.
    let begun = thread.spawn(move || {
        for Job { mut command, reply } in waiting {
            let started =
                std::os::unix::process::CommandExt::process_group(&mut command, 0).spawn();
            // Our copies of what the program got have to be closed before anyone listens.
            drop(command);
            if let Err(Ok(unwanted)) = reply.send(started) {
                discard(unwanted);
            }
        }
    });
    if let Err(error) = begun {
        tracing::error!(%error, "no thread to start programs");
    }
    jobs
}

/// Kill a program that nobody waits for, with its group.
pub(super) fn discard(mut child: Child) {
    if let Some(group) = pid_of(&child) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

pub(super) fn pid_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}
