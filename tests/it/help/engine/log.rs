//! What the processes of one container write, taken from their pipes line by line, each with its time.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex},
};

use codemate_preview::{
    engine::{LogQuery, Result},
    model::{LogLine, LogStream},
    task::Scope,
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use tokio::{net::unix::pipe::Receiver, sync::watch};

/// The log of a container. Nothing that was written before a call is missed by it: the call reads the
/// pipes itself.
pub struct CapturedLog {
    pipes: [File; 2],
    written: Mutex<WrittenLines>,
    grown: watch::Sender<()>,
}

#[derive(Default)]
struct WrittenLines {
    lines: Vec<LogLine>,
    /// Begun and not ended, on standard output and on standard error.
    open: [Vec<u8>; 2],
    /// Nobody holds the other end any more, or the container was removed.
    ended: [bool; 2],
}

impl WrittenLines {
    fn take(&mut self, at: usize, piece: &[u8]) {
        for &byte in piece {
            if byte == b'\n' {
                self.end_line(at);
            } else {
                self.open[at].push(byte);
            }
        }
    }

    fn end_line(&mut self, at: usize) {
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.open[at])).into_owned();
        let tick = jiff::SignedDuration::from_nanos(1);
        let after = self.lines.last().map(|line| line.at + tick);
        // No two lines are of one moment, so that `since` cuts between any two.
        let at_time = Timestamp::now().max(after.unwrap_or(Timestamp::MIN));
        let stream = [LogStream::Stdout, LogStream::Stderr][at];
        self.lines.push(LogLine {
            at: at_time,
            stream,
            text,
        });
    }

    fn end(&mut self, at: usize) {
        if !self.ended[at] && !self.open[at].is_empty() {
            self.end_line(at);
        }
        self.ended[at] = true;
    }
}

impl CapturedLog {
    /// Capture what comes out of these: standard output and standard error.
    pub fn of(pipes: [OwnedFd; 2], scope: &Scope) -> Arc<Self> {
        let receivers = pipes.each_ref().map(|pipe| {
            let own = pipe.as_fd().try_clone_to_owned().unwrap();
            // It makes both of them, which are one pipe, such that a read never waits.
            Receiver::from_owned_fd(own).unwrap()
        });
        let (grown, _) = watch::channel(());
        let log = Arc::new(Self {
            pipes: pipes.map(File::from),
            written: Mutex::default(),
            grown,
        });
        for (at, receiver) in receivers.into_iter().enumerate() {
            let (log, scope) = (log.clone(), scope.clone());
            scope.clone().spawn(async move {
                let pump = async {
                    while receiver.readable().await.is_ok() {
                        if log.read(at, |piece| receiver.try_read(piece)) {
                            return;
                        }
                    }
                };
                tokio::select! {
                    () = pump => {}
                    () = scope.cancelled() => {}
                }
            });
        }
        log
    }

    /// Read until nothing is left. Says whether nothing more will come.
    fn read(&self, at: usize, mut next: impl FnMut(&mut [u8]) -> io::Result<usize>) -> bool {
        let mut piece = [0; 4096];
        let mut written = self.written.lock().unwrap();
        loop {
            match next(&mut piece) {
                Ok(0) => written.end(at),
                Ok(read) => {
                    written.take(at, &piece[..read]);
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("a container's output: {error}"),
            }
            break;
        }
        self.grown.send_replace(());
        written.ended[at]
    }

    fn catch_up(&self) {
        for (at, mut pipe) in self.pipes.iter().enumerate() {
            self.read(at, |piece| pipe.read(piece));
        }
    }

    /// The container is gone: who follows is told the rest, and the end.
    pub fn end(&self) {
        self.catch_up();
        let mut written = self.written.lock().unwrap();
        written.end(0);
        written.end(1);
        self.grown.send_replace(());
    }

    pub fn lines(self: &Arc<Self>, query: LogQuery) -> BoxStream<'static, Result<LogLine>> {
        self.catch_up();
        let is_new = move |line: &LogLine| query.since.is_none_or(|since| line.at > since);
        let (first, count) = {
            let written = self.written.lock().unwrap();
            let count = written.lines.len();
            let old = written.lines.iter().filter(|line| !is_new(line)).count();
            let tail = query.tail.map_or(count, |tail| tail as usize);
            (old.max(count.saturating_sub(tail)), count)
        };
        if query.follow {
            return stream::unfold((self.clone(), self.grown.subscribe(), first), next).boxed();
        }
        let lines = self.written.lock().unwrap().lines[first..count].to_vec();
        stream::iter(lines.into_iter().map(Ok)).boxed()
    }
}

type Follower = (Arc<CapturedLog>, watch::Receiver<()>, usize);

async fn next((log, mut grown, at): Follower) -> Option<(Result<LogLine>, Follower)> {
    loop {
        grown.mark_unchanged();
        {
            let written = log.written.lock().unwrap();
            if let Some(line) = written.lines.get(at).cloned() {
                drop(written);
                return Some((Ok(line), (log, grown, at + 1)));
            }
            if written.ended == [true; 2] {
                return None;
            }
        }
        grown.changed().await.ok()?;
    }
}
